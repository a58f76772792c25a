import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type KubectlServer, kubectlRunner, kubectls, minorOf, serveForKubectl } from './kubectl.fixture.ts'

// Server-side apply as people meet it: kubectl's own requests, kubectl's own words.

const deployment = (replicas: number, image = 'nginx:1', ports = '{containerPort: 80}, {containerPort: 53, protocol: UDP}'): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: "${image}", ports: [${ports}]}
`
const map = (data: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: {name: m}
data: {${data}}
`
const MANAGERS = '-o jsonpath={range.metadata.managedFields[*]}{.manager}/{.operation}/{.subresource};{end}'
const fieldsOf = (manager: string): string => `-o jsonpath={.metadata.managedFields[?(@.manager=="${manager}")].fieldsV1}`

let server: KubectlServer
before(async () => {
  server = await serveForKubectl()
})
after(() => server.close())

for (const kubectl of kubectls()) {
  const namespace = `apply-${minorOf(kubectl)}`
  const { run, ok } = kubectlRunner(kubectl, namespace, () => server)
  /** Who owns, in the order of their names: when is not our concern. */
  const managersOf = async (object: string): Promise<string> => (await ok(`get ${object} ${MANAGERS}`)).split(';').sort().join(' ').trim()
  const dataOf = (): Promise<string> => ok('get configmap m -o jsonpath={.data}')

  test(`${namespace}: two managers share, conflict, force and let go`, async () => {
    await ok(`create namespace ${namespace}`)
    const apply = (manager: string, data: string, more = ''): ReturnType<typeof run> =>
      run(`apply --server-side --field-manager=${manager}${more} -f -`, map(data))
    const first = await apply('anna', 'a: "1", b: "1"')
    assert.equal(first.out, 'configmap/m serverside-applied\n', first.err)
    const version = await ok('get configmap m -o jsonpath={.metadata.resourceVersion}')
    assert.equal((await apply('anna', 'a: "1", b: "1"')).code, 0)
    assert.equal(await ok('get configmap m -o jsonpath={.metadata.resourceVersion}'), version)
    assert.equal((await apply('ben', 'a: "1"')).code, 0)

    const refused = await apply('anna', 'a: "2", b: "2"')
    assert.equal(refused.code, 1)
    assert.match(refused.err, /^error: Apply failed with 1 conflict: conflict with "ben": \.data\.a\nPlease review the fields above/)
    assert.equal(
      (await apply('anna', 'a: "2"', ' --force-conflicts --dry-run=server')).out,
      'configmap/m serverside-applied (server dry run)\n',
    )
    assert.equal(await dataOf(), '{"a":"1","b":"1"}')
    assert.equal((await apply('anna', 'a: "2"', ' --force-conflicts')).code, 0)
    assert.equal(await dataOf(), '{"a":"2"}')
    assert.equal(await managersOf('configmap m'), 'anna/Apply/')

    await ok('patch configmap m --type=merge -p {"data":{"a":"3","u":"1"}} --field-manager=ursula')
    const lost = await apply('anna', 'a: "4", u: "2"')
    assert.match(lost.err, /^error: Apply failed with 2 conflicts: conflicts with "ursula" using v1:\n- \.data\.a\n- \.data\.u\n/)
    const unknown = await run('apply --server-side --field-manager=anna -f -', `${map('a: "3"')}foo: bar`)
    assert.match(
      unknown.err,
      /failed to create typed patch object \(apply-\d+\/m; \/v1, Kind=ConfigMap\): \.foo: field not declared in schema/,
    )
  })

  test(`${namespace}: from client-side to server-side apply`, async () => {
    await ok('apply -f -', deployment(2))
    assert.equal(await managersOf('deployment web'), 'kubectl-client-side-apply/Update/')
    await ok('scale deployment web --replicas=3')
    assert.match(await managersOf('deployment web'), /^kubectl-client-side-apply\/Update\/ kubectl[.\d]*\/Update\/scale$/)

    const conflict = await run('apply --server-side -f -', deployment(2))
    assert.match(
      conflict.err,
      /^error: Apply failed with 1 conflict: conflict with "kubectl[.\d]*" with subresource "scale" using apps\/v1: \.spec\.replicas\n/,
    )
    assert.equal(await ok('apply --server-side --force-conflicts -f -', deployment(2)), 'deployment.apps/web serverside-applied\n')
    assert.equal(await managersOf('deployment web'), 'kubectl-last-applied/Apply/ kubectl/Apply/')

    await ok('apply --server-side -f -', deployment(2, 'nginx:2', '{containerPort: 80}'))
    assert.equal(
      await ok(
        'get deployment web -o jsonpath={.spec.template.spec.containers[0].image}/{.spec.template.spec.containers[0].ports[*].containerPort}',
      ),
      'nginx:2/80',
    )
    assert.equal(
      await ok(`get deployment web ${fieldsOf('kubectl')}`),
      '{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:replicas":{},"f:selector":{},"f:template":{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:containers":{"k:{\\"name\\":\\"c\\"}":{".":{},"f:image":{},"f:name":{},"f:ports":{"k:{\\"containerPort\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:containerPort":{}}}}}}}}}',
    )
    assert.match(await ok('apply view-last-applied deployment web'), /image: nginx:2/)
    assert.equal(await ok('apply -f -', deployment(2, 'nginx:2', '{containerPort: 80}')), 'deployment.apps/web configured\n')
    assert.equal(await ok('apply -f -', deployment(1, 'nginx:2', '{containerPort: 80}')), 'deployment.apps/web configured\n')
    assert.equal(await ok('get deployment web -o jsonpath={.spec.replicas}'), '1')
  })

  test(`${namespace}: what other commands change is theirs`, async () => {
    await ok('create configmap made --from-literal=a=1')
    assert.equal(await ok(`get configmap made ${fieldsOf('kubectl-create')}`), '{"f:data":{".":{},"f:a":{}}}')
    await ok('label configmap made tier=front')
    await ok('annotate configmap made note=x')
    assert.equal(await managersOf('configmap made'), 'kubectl-annotate/Update/ kubectl-create/Update/ kubectl-label/Update/')
    await ok('patch deployment web --subresource=status --type=merge -p {"status":{"replicas":1}}')
    assert.match(await managersOf('deployment web'), /kubectl-patch\/Update\/status/)
    await ok('patch configmap made --type=json -p [{"op":"replace","path":"/metadata/managedFields","value":[{}]}]')
    assert.equal(await managersOf('configmap made'), '')
    assert.match(await ok('delete configmap made --dry-run=server'), /^configmap "made" deleted.*\(server dry run\)\n$/)
    assert.equal(await ok('get configmap made -o name'), 'configmap/made\n')
  })
}

test('there is a kubectl to try', { skip: kubectls().length > 0 ? false : 'no kubectl in PATH' }, () => {})
