import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RuntimeError } from '../runtime.ts'
import { fullImageName, isLocalImage } from './image-reference.ts'

const digest = `sha256:${'ab'.repeat(32)}`
const names: readonly [short: string, full: string][] = [
  ['nginx', 'docker.io/library/nginx:latest'],
  ['nginx:1.27', 'docker.io/library/nginx:1.27'],
  ['grafana/loki', 'docker.io/grafana/loki:latest'],
  ['docker.io/busybox', 'docker.io/library/busybox:latest'],
  ['localhost/hello', 'localhost/hello:latest'],
  ['localhost:5000/hello:v1', 'localhost:5000/hello:v1'],
  ['pi:5000/web', 'pi:5000/web:latest'],
  ['registry.k8s.io/sig/app_x:v1.2-rc', 'registry.k8s.io/sig/app_x:v1.2-rc'],
  [`quay.io/a/b@${digest}`, `quay.io/a/b@${digest}`],
  [`nginx:1@${digest}`, `docker.io/library/nginx:1@${digest}`],
  [digest, digest],
]
for (const [short, full] of names) test(`${short.slice(0, 40)} is ${full.slice(0, 40)}`, () => assert.equal(fullImageName(short), full))

for (const bad of [
  '',
  'Nginx',
  'a//b',
  'nginx:',
  'nginx:a b',
  '-x/y.z',
  'nginx@sha256:12',
  `a@${digest}@${digest}`,
  'http://x/y',
  'a/b:c/d:',
])
  test(`"${bad.slice(0, 40)}" is no image name`, () =>
    assert.throws(
      () => fullImageName(bad),
      (error) => error instanceof RuntimeError && error.reason === 'InvalidImageName' && error.message.includes(`"${bad}"`),
    ))

test('only localhost without a port is local', () => {
  assert.equal(isLocalImage(fullImageName('localhost/hello')), true)
  assert.equal(isLocalImage(fullImageName('localhost:5000/hello')), false)
})
