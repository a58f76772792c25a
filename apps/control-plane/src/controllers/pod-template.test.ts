import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodTemplateSpec } from '@bramble/api/types/workload'
import { podFromTemplate, sameRevisionData, sameTemplate, templateHash } from './pod-template.ts'

const template = (image: string, labels: Record<string, string> = { app: 'web' }): PodTemplateSpec => ({
  metadata: { labels },
  spec: { containers: [{ name: 'web', image }] },
})

test('the hash does not depend on the order of fields, nor on what is null', () => {
  const reordered = JSON.parse(
    '{"spec":{"containers":[{"image":"a","name":"web"}]},"metadata":{"creationTimestamp":null,"labels":{"app":"web"}}}',
  ) as PodTemplateSpec
  assert.equal(templateHash(template('a')), templateHash(reordered))
  assert.ok(sameTemplate(template('a'), reordered))
})

test('another image, or a collision, is another hash', () => {
  assert.notEqual(templateHash(template('a')), templateHash(template('b')))
  assert.notEqual(templateHash(template('a')), templateHash(template('a'), 1))
  assert.match(templateHash(template('a')), /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/)
})

test('the hash label of a Deployment makes no other template, another label does', () => {
  assert.ok(sameTemplate(template('a'), template('a', { app: 'web', 'pod-template-hash': 'x' })))
  assert.ok(!sameTemplate(template('a'), template('a', { app: 'web', tier: 'x' })))
  assert.ok(!sameTemplate(template('a'), template('b')))
})

test('a template that an older control plane stored is the one that is stored today', () => {
  const pod = (container: object, spec: object = {}): PodTemplateSpec => ({
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: 'a', ...container }], ...spec },
  })
  const old = pod({ args: [], resources: { limits: { cpu: '0.5', memory: '1024Mi' } } }, { nodeSelector: {} })
  const today = pod({ resources: { limits: { cpu: '500m', memory: '1Gi' } } }, { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst' })
  assert.ok(sameTemplate(old, today))
  assert.ok(!sameTemplate(old, pod({ resources: { limits: { cpu: '501m', memory: '1Gi' } } })))
  const data = (template: PodTemplateSpec): object => ({ spec: { template: { ...template, $patch: 'replace' } } })
  assert.ok(sameRevisionData(data(old), data(today)))
  assert.ok(!sameRevisionData(data(old), data(pod({ image: 'b' }))))
})

test('a volume without a source is an empty one, and no other', () => {
  const volumes = (volume: object): PodTemplateSpec => ({ spec: { containers: [], volumes: [{ name: 'v', ...volume }] } })
  assert.ok(sameTemplate(volumes({ emptyDir: {} }), volumes({})))
  assert.ok(!sameTemplate(volumes({ emptyDir: { medium: 'Memory' } }), volumes({})))
})

test('a pod carries labels, annotations and owner, and shares nothing with the template', () => {
  const source = template('a')
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }
  const pod = podFromTemplate(source, 'default', owner, { generateName: 'web-' })
  assert.deepEqual(pod.metadata, { generateName: 'web-', namespace: 'default', labels: { app: 'web' }, ownerReferences: [owner] })
  assert.deepEqual(pod.spec, source.spec)
  assert.notEqual(pod.spec.containers, source.spec.containers)
})
