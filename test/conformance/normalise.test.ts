import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalise } from './normalise.ts'

const texts = [
  { name: 'uids', from: 'uid: 0f4fbc6a-4f3e-4a3c-9c0e-0123456789ab', to: 'uid: <uid>' },
  { name: 'times of the API', from: 'creationTimestamp: "2026-11-21T06:46:39Z"', to: 'creationTimestamp: "<time>"' },
  { name: 'microseconds', from: 'renewTime: 2026-11-21T06:46:39.123456Z', to: 'renewTime: <time>' },
  { name: 'times of describe', from: 'Start Time:  Sat, 21 Nov 2026 06:46:39 +0000', to: 'Start Time:  <time>' },
  { name: 'resource versions', from: '  resourceVersion: "148"', to: '  resourceVersion: "<rv>"' },
  { name: 'the server', from: 'running at https://127.0.0.1:40123/api', to: 'running at https://<server>/api' },
  { name: 'addresses of pods and Services', from: 'a 10.42.1.7 b 10.43.8.9 c', to: 'a <pod-ip> b <cluster-ip> c' },
  { name: 'not the address of the API, nor networks', from: '10.43.0.1 10.42.1.0/24', to: '10.43.0.1 10.42.1.0/24' },
  { name: 'node ports, not their range', from: '80:31234/TCP, 30000-32767', to: '80:<node-port>/TCP, 30000-32767' },
  { name: 'names of pods', from: 'pod/web-6d4cf56db6-x7k2p created', to: 'pod/web-<hash>-<suffix> created' },
  { name: 'not names that people gave', from: 'configmap/my-generated created', to: 'configmap/my-generated created' },
  { name: 'ages after a colon', from: 'Age:  12s', to: 'Age:  <age>' },
  {
    name: 'ages without a header',
    from: 'default   web   1/1   Running   0     12s   x',
    to: 'default   web   1/1   Running   0     <age>   x',
  },
  {
    name: 'not thousandths of a CPU',
    from: 'NAME   CPU(cores)   AGE\npi-1   100m         3s',
    to: 'NAME   CPU(cores)   AGE\npi-1   100m         <age>',
  },
  {
    name: 'how far a rollout is',
    from: 'Waiting for deployment "web" rollout to finish: 0 of 2 updated replicas are available...\ndone',
    to: 'done',
  },
  { name: 'blank lines that differ between versions', from: 'a\n\n\nb\n\n', to: 'a\n\nb' },
]
for (const { name, from, to } of texts) test(`replaced: ${name}`, () => assert.equal(normalise(from), to))

test('a table looks the same however long its values were', () => {
  const wide = 'NAME                    READY   AGE\nweb-6d4cf56db6-x7k2p    1/1     100s\nb                       0/1     7s'
  const narrow = 'NAME                   READY   AGE\nweb-6d4cf56d6-x7k2p    1/1     3s\nb                      0/1     7s'
  const expected = 'NAME                  READY   AGE\nweb-<hash>-<suffix>   1/1     <age>\nb                     0/1     <age>'
  assert.equal(normalise(wide), expected)
  assert.equal(normalise(narrow), expected)
})

test('an empty cell stays empty, and what is no row stays as it is', () => {
  const text = 'NAME    SHORTNAMES   KIND\npods    po           Pod\nroles                Role\n\nerror: something else'
  assert.equal(normalise(text), 'NAME    SHORTNAMES   KIND\npods    po           Pod\nroles                Role\n\nerror: something else')
})

test('a table inside a description is aligned by its line of dashes', () => {
  const text = 'Events:\n  Type    Reason   Age   From\n  ----    ------   ----  ----\n  Normal  Started  112s  kubelet'
  assert.equal(
    normalise(text),
    'Events:\n  Type    Reason   Age    From\n  ----    ------   ----   ----\n  Normal  Started  <age>  kubelet',
  )
})

test("a session's own rules come first", () => {
  assert.equal(normalise('in /tmp/x-1/work', [{ name: 'home', pattern: /\/tmp\/x-1/g, by: '<home>' }]), 'in <home>/work')
})
