import assert from 'node:assert/strict'
import { test } from 'node:test'
import { staticPods } from './static-pod.ts'

const place = { nodeName: 'pi-1', path: '/etc/bramble/manifests/web.yaml', seen: '2026-01-01T00:00:00Z' }
const aDocument = (spec: object = {}, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', ...metadata },
  spec: { containers: [{ name: 'main', image: 'localhost/web:1' }], ...spec },
})

test('a pod of the node bears its name, and a uid that depends on what its manifest says', () => {
  const [pod] = staticPods(aDocument({}, { labels: { app: 'web' }, annotations: { note: 'mine' } }), place)
  assert.match(pod!.metadata.uid, /^[0-9a-f]{32}$/)
  assert.deepEqual(pod!.metadata, {
    name: 'web-pi-1',
    namespace: 'default',
    uid: pod!.metadata.uid,
    resourceVersion: '',
    creationTimestamp: place.seen,
    labels: { app: 'web' },
    annotations: {
      note: 'mine',
      'kubernetes.io/config.hash': pod!.metadata.uid,
      'kubernetes.io/config.seen': place.seen,
      'kubernetes.io/config.source': 'file',
    },
  })
  assert.equal(pod!.spec.nodeName, 'pi-1')
  assert.deepEqual(pod!.spec.tolerations, [{ operator: 'Exists', effect: 'NoExecute' }])
  assert.equal(pod!.spec.restartPolicy, 'Always')
})

test('the uid changes with content, node and file, and not with the time', () => {
  const uid = (document: object, change: object = {}): string => staticPods(document, { ...place, ...change })[0]!.metadata.uid
  const same = uid(aDocument())
  assert.equal(uid(aDocument(), { seen: '2027-01-01T00:00:00Z' }), same)
  const others = [uid(aDocument({ restartPolicy: 'Never' })), uid(aDocument(), { nodeName: 'pi-2' }), uid(aDocument(), { path: '/other' })]
  assert.equal(new Set([same, ...others]).size, 4)
})

test('a list is as many pods', () => {
  const list = { apiVersion: 'v1', kind: 'List', items: [aDocument(), aDocument({}, { name: 'db', namespace: 'kube-system' })] }
  assert.deepEqual(
    staticPods(list, place).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
    ['default/web-pi-1', 'kube-system/db-pi-1'],
  )
})

const named = (name: unknown) => ({ containers: [{ name, image: 'a' }] })
const source = (projected: object) => ({ volumes: [{ name: 'v', projected: { sources: [projected] } }] })
const refusals: readonly { readonly name: string; readonly document: unknown; readonly says: string }[] = [
  { name: 'nothing', document: 'web', says: 'the document is not an object' },
  { name: 'another kind', document: { ...aDocument(), kind: 'Deployment' }, says: '"v1" "Deployment" is no Pod of v1' },
  { name: 'another version', document: { ...aDocument(), apiVersion: 'v2' }, says: '"v2" "Pod" is no Pod of v1' },
  { name: 'no name', document: aDocument({}, { name: undefined }), says: 'metadata.name: Invalid value: ""' },
  { name: 'a name that is a path', document: aDocument({}, { name: '../x' }), says: 'metadata.name: Invalid value: "../x"' },
  { name: 'a namespace that is a path', document: aDocument({}, { namespace: '..' }), says: 'metadata.namespace: Invalid value: ".."' },
  { name: 'no containers', document: aDocument({ containers: [] }), says: 'spec.containers: Required value' },
  { name: 'a container without a name', document: aDocument(named(undefined)), says: 'spec.containers[0].name: Invalid value: nothing' },
  { name: 'a container that is a text', document: aDocument({ containers: ['x'] }), says: 'spec.containers[0] is not an object' },
  {
    name: 'a container without an image',
    document: aDocument({ containers: [{ name: 'a' }] }),
    says: 'spec.containers[0].image: Required value',
  },
  {
    name: 'two containers of a name',
    document: aDocument({ containers: [...named('a').containers, ...named('a').containers] }),
    says: 'spec.containers[1].name: Duplicate value: "a"',
  },
  { name: 'an account', document: aDocument({ serviceAccountName: 'x' }), says: 'static pods may not reference serviceaccounts' },
  { name: 'a pull secret', document: aDocument({ imagePullSecrets: [{ name: 'x' }] }), says: 'static pods may not reference secrets' },
  {
    name: 'variables of a config map',
    document: aDocument({ containers: [{ name: 'a', image: 'a', envFrom: [{ configMapRef: { name: 'x' } }] }] }),
    says: 'static pods may not reference configmaps',
  },
  {
    name: 'a claim',
    document: aDocument({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'x' } }] }),
    says: 'static pods may not reference persistentvolumeclaims',
  },
  {
    name: 'a token',
    document: aDocument(source({ serviceAccountToken: { path: 't' } })),
    says: 'static pods may not reference serviceaccounts',
  },
]
for (const { name, document, says } of refusals)
  test(`a manifest with ${name} is refused`, () => assert.throws(() => staticPods(document, place), { message: says }))
