import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type KubectlServer, kubectlRunner, kubectls, minorOf, serveForKubectl } from './kubectl.fixture.ts'

let server: KubectlServer
before(async () => {
  server = await serveForKubectl()
})
after(() => server.close())

/** A kubeconfig whose user shows a token. @returns Its path. */
async function tokenKubeconfig(name: string, token: string): Promise<string> {
  const path = join(server.folder, name)
  const cluster = { server: server.url, 'certificate-authority-data': Buffer.from(server.pki.authority).toString('base64') }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  await writeFile(path, JSON.stringify(config), { mode: 0o600 })
  return path
}

for (const kubectl of kubectls()) {
  const namespace = `access-${minorOf(kubectl)}`
  const { run, ok } = kubectlRunner(kubectl, namespace, () => server)
  const robot = `system:serviceaccount:${namespace}:robot`

  test(`${namespace}: roles and bindings are made, shown and bound for good`, async () => {
    await ok(`create namespace ${namespace}`)
    await ok('create serviceaccount robot')
    assert.match(await ok('create role reader --verb=get,list,watch --resource=pods,pods/log'), /^role\.rbac.* created/)
    assert.match(await ok(`create rolebinding reader --role=reader --serviceaccount=${namespace}:robot`), /^rolebinding\.rbac.* created/)
    const own = `own-${minorOf(kubectl)}`
    await ok(`create clusterrole ${own} --verb=get --non-resource-url=/metrics`)
    await ok(`create clusterrole ${own}-all --aggregation-rule=acme.com/aggregate=true`)
    await ok(`create clusterrolebinding ${own} --clusterrole=${own} --user=jane --group=dev`)
    assert.match(
      await ok('get rolebindings -o wide'),
      new RegExp(`^NAME +ROLE +AGE +USERS +GROUPS +SERVICEACCOUNTS\nreader +Role/reader +\\d+s +${namespace}/robot\n$`),
    )
    assert.match(await ok('get roles'), /^NAME +CREATED AT\nreader +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/)
    assert.match(await ok(`get clusterrolebinding ${own} -o wide`), new RegExp(`${own} +ClusterRole/${own} +\\d+s +jane +dev`))
    assert.match(await ok('describe role reader'), /pods\/log +\[\] +\[\] +\[get list watch\]/)
    const other = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'other' }
    const changed = await run(`patch rolebinding reader --type=merge -p ${JSON.stringify({ roleRef: other })}`)
    assert.match(changed.err, /^The RoleBinding "reader" is invalid: roleRef: Invalid value: .*: cannot change roleRef/)
  })

  test(`${namespace}: the token of a ServiceAccount has the rights of its bindings`, async () => {
    const config = await tokenKubeconfig(namespace, (await ok('create token robot')).trim())
    const as = (command: string) => run(command, undefined, config)
    assert.equal((await as('get pods')).err, `No resources found in ${namespace} namespace.\n`)
    assert.equal(
      (await as('get secrets')).err,
      `Error from server (Forbidden): secrets is forbidden: User "${robot}" cannot list resource "secrets" in API group "" in the namespace "${namespace}"\n`,
    )
    assert.equal(
      (await as('delete pod x')).err,
      `Error from server (Forbidden): pods "x" is forbidden: User "${robot}" cannot delete resource "pods" in API group "" in the namespace "${namespace}"\n`,
    )
    assert.match((await as('get nodes')).err, /nodes is forbidden: .* cannot list resource "nodes" in API group "" at the cluster scope/)
    assert.match(
      (await as('create role more --verb=get --resource=secrets')).err,
      /cannot create resource "roles" in API group "rbac\.authorization\.k8s\.io"/,
    )
    assert.deepEqual([(await as('auth can-i get pods/log')).out, (await as('auth can-i create pods')).out], ['yes\n', 'no\n'])
    assert.match((await as('auth can-i --list')).out, /^pods +\[\] +\[\] +\[get list watch\]$/m)
    await ok('delete serviceaccount robot')
    assert.match((await as('get pods')).err, /Unauthorized|You must be logged in to the server/)
  })

  test(`${namespace}: a token for a time, for somebody else, bound to an object`, async () => {
    await ok('create serviceaccount helper')
    await ok('create secret generic holder')
    const claims = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString('utf8'))
    const given = claims(
      await ok('create token helper --audience=vault --duration=20m --bound-object-kind=Secret --bound-object-name=holder'),
    )
    assert.deepEqual([given.aud, given.exp - given.iat, given['kubernetes.io'].secret.name], [['vault'], 1_200, 'holder'])
    assert.match((await run('create token helper --duration=1m')).err, /may not specify a duration less than 10 minutes/)
    assert.match((await run('create token nobody')).err, /serviceaccounts "nobody" not found/)
  })

  test(`${namespace}: people are impersonated, and see what they may`, async () => {
    await ok(`create rolebinding viewers --clusterrole=view --group=viewers`)
    const viewer = '--as=anna --as-group=viewers'
    assert.equal(await ok(`auth can-i list deployments.apps ${viewer}`), 'yes\n')
    assert.equal((await run(`auth can-i get secrets ${viewer}`)).out, 'no\n')
    assert.equal((await run(`auth can-i get pods --as=anna`)).out, 'no\n')
    assert.match((await run(`get pods --as-group=viewers`)).err, /without impersonating a user/)
    assert.match(
      (await run(`create configmap x ${viewer}`)).err,
      /configmaps is forbidden: User "anna" cannot create resource "configmaps"/,
    )
    await ok(`create rolebinding admins --clusterrole=admin --user=berta`)
    const { err } = await run(`create rolebinding more --clusterrole=cluster-admin --user=berta --as=berta`)
    assert.match(
      err,
      /rolebindings\.rbac\.authorization\.k8s\.io "more" is forbidden: user "berta" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\["\*"\], Resources:\["\*"\], Verbs:\["\*"\]\}/,
    )
    await ok(`create rolebinding more --clusterrole=view --user=carl --as=berta`)
  })

  test(`${namespace}: roles are reconciled`, async () => {
    const role = (verbs: string) => `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: kept, namespace: ${namespace}}
rules: [{apiGroups: [""], resources: [pods], verbs: [${verbs}]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kept, namespace: ${namespace}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: kept}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: dora}]
`
    assert.match(await ok('auth reconcile -f -', role('get')), /role\.rbac\.authorization\.k8s\.io\/kept reconciled/)
    await ok('auth reconcile -f -', role('list')) // adds, and takes nothing away
    assert.equal(await ok('auth can-i list pods --as=dora'), 'yes\n')
    assert.equal(await ok('auth can-i get pods --as=dora'), 'yes\n')
  })

  test(`${namespace}: who one is`, { skip: minorOf(kubectl) < 28 && 'kubectl 1.27 asks versions of this that are gone' }, async () => {
    assert.match(await ok('auth whoami'), /^ATTRIBUTE +VALUE\nUsername +bramble-admin\nGroups +\[system:masters system:authenticated\]/)
    const config = await tokenKubeconfig(`${namespace}-who`, (await ok('create token helper')).trim())
    const who = JSON.parse(await ok('auth whoami -o json', undefined, config)).status.userInfo
    assert.equal(who.username, `system:serviceaccount:${namespace}:helper`)
    assert.deepEqual(who.groups, ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'])
  })
}

test('there is a kubectl to try', { skip: kubectls().length > 0 ? false : 'no kubectl in PATH' }, () => {})
