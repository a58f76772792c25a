import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { type KubectlServer, kubectlRunner, kubectls, minorOf, serveForKubectl } from './kubectl.fixture.ts'
import type { PodLogs } from './routes/streams.ts'

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c, image: nginx, ports: [{containerPort: 80}]}
`
const podLogs: PodLogs = {
  open: async (_pod, { container, tailLines }) =>
    (async function* () {
      yield Buffer.from(`hello from ${container}, tail ${tailLines}\n`)
    })(),
}

let server: KubectlServer
before(async () => {
  server = await serveForKubectl({ podLogs })
})
after(() => server.close())

for (const kubectl of kubectls()) {
  const namespace = `ns-${minorOf(kubectl)}`
  const { argv, options, run, ok } = kubectlRunner(kubectl, namespace, () => server)

  test(`${namespace}: discovery, version, explain and rights`, async () => {
    await ok(`create namespace ${namespace}`)
    assert.match(await ok('version -o json'), /"gitVersion": "v1\.36\.2\+bramble\.0\.1\.0"/)
    assert.match(await ok('api-resources'), /^deployments +deploy +apps\/v1 +true +Deployment$/m)
    assert.match(await ok('explain pods.spec.containers.image'), /Container image name/)
    assert.equal(await ok('auth can-i delete nodes'), 'yes\n')
  })

  test(`${namespace}: apply, change, scale, wait, delete`, async () => {
    assert.equal(await ok('apply -f -', DEPLOYMENT), 'deployment.apps/web created\n')
    assert.equal(await ok('apply -f -', DEPLOYMENT), 'deployment.apps/web unchanged\n')
    assert.equal(await ok('apply -f -', DEPLOYMENT.replace('replicas: 2', 'replicas: 4')), 'deployment.apps/web configured\n')
    assert.match(
      await ok('get deployments -o wide'),
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +0\/4 +0 +0 +\d+s +c +nginx +app=web\n$/,
    )
    await ok('scale deployment web --replicas=3')
    await ok('set image deployment/web c=nginx:2')
    await ok('label deployment web tier=front')
    assert.equal(await ok('get deployment web -o jsonpath={.spec.replicas}/{.metadata.labels.tier}/{.metadata.generation}'), '3/front/4')
    assert.equal((await run('diff -f -', DEPLOYMENT)).code, 1)
    const waiting = ok('wait deployment/web --for=condition=Available --timeout=20s')
    await ok('patch deployment web --subresource=status --type=merge -p {"status":{"conditions":[{"type":"Available","status":"True"}]}}')
    assert.equal(await waiting, 'deployment.apps/web condition met\n')
    assert.match(await ok('delete deployment web'), /^deployment\.apps "web" deleted/)
    assert.equal((await run('get deployment web')).code, 1)
  })

  test(`${namespace}: objects that newer versions send as protobuf`, async () => {
    await ok('create configmap settings --from-literal=a=1')
    await ok('create secret generic password --from-literal=p=geheim')
    await ok('create deployment made --image=nginx --replicas=0')
    await ok('create service clusterip made --tcp=80:8080')
    assert.equal(await ok('get configmap settings -o jsonpath={.data.a}'), '1')
    assert.equal(await ok('get secret password -o jsonpath={.data.p}/{.type}'), `${Buffer.from('geheim').toString('base64')}/Opaque`)
    assert.equal(await ok('get deployment made -o jsonpath={.spec.replicas}'), '0')
    assert.equal(await ok('get service made -o jsonpath={.spec.ports[0].targetPort}'), '8080')
  })

  test(`${namespace}: mistakes are explained`, async () => {
    const unknown = await run('apply -f -', DEPLOYMENT.replace('replicas', 'replikas'))
    assert.equal(unknown.code, 1)
    assert.match(unknown.err, /strict decoding error: unknown field "spec\.replikas"/)
    const type = await run('apply -f -', DEPLOYMENT.replace('replicas: 2', 'replicas: many'))
    assert.match(type.err, /cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32/)
    const kind = await run('apply -f -', DEPLOYMENT.replace('kind: Deployment', 'kind: Deploiment'))
    assert.match(kind.err, /no matches for kind "Deploiment" in version "apps\/v1"/)
    assert.match((await run('get configmap none')).err, /^Error from server \(NotFound\): configmaps "none" not found\n$/)
    assert.match((await run('get pods -l a((')).err, /unable to parse requirement/)
  })

  test(`${namespace}: watch and logs`, async () => {
    const watch = spawn(kubectl, [...argv(['get', 'configmaps', '--watch-only', '-o', 'name'])], options())
    const lines = createInterface({ input: watch.stdout })[Symbol.asyncIterator]()
    const first = lines.next()
    let isSeen = false
    void first.then(() => {
      isSeen = true
    })
    for (let count = 0; !isSeen && count < 50; count++) await ok(`create configmap seen-${count}`) // until the watch has begun
    assert.match(String((await first).value), /^configmap\/seen-\d+$/)
    watch.kill()
    await once(watch, 'close')

    await ok(
      'create -f -',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p' },
        spec: {
          nodeName: 'pi-1',
          containers: [
            { name: 'a', image: 'i' },
            { name: 'b', image: 'i' },
          ],
        },
      }),
    )
    assert.match((await run('logs p -c b')).err, /\(BadRequest\): container "b" in pod "p" is waiting to start: ContainerCreating/)
    const status = {
      containerStatuses: ['a', 'b'].map((name) => ({
        name,
        ready: true,
        restartCount: 0,
        image: 'i',
        imageID: '',
        state: { running: {} },
      })),
    }
    await ok(`patch pod p --subresource=status --type=merge -p ${JSON.stringify({ status })}`)
    assert.equal(await ok('logs p -c b --tail=7'), 'hello from b, tail 7\n')
    assert.match(await ok('delete pod p --grace-period=0 --force'), /^pod "p" force deleted/)
  })
}

test('there is a kubectl to try', { skip: kubectls().length > 0 ? false : 'no kubectl in PATH' }, () => {})
