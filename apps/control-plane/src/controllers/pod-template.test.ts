import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodTemplateSpec } from '@bramble/api/types/workload'
import { podFromTemplate, sameTemplate, templateHash } from './pod-template.ts'

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

test('empty volumes differ from absent ones', () => {
  const volumes = (volume: object): PodTemplateSpec => ({ spec: { containers: [], volumes: [{ name: 'v', ...volume }] } })
  assert.ok(!sameTemplate(volumes({ emptyDir: {} }), volumes({})))
})

test('a pod carries labels, annotations and owner, and shares nothing with the template', () => {
  const source = template('a')
  const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }
  const pod = podFromTemplate(source, 'default', owner, { generateName: 'web-' })
  assert.deepEqual(pod.metadata, { generateName: 'web-', namespace: 'default', labels: { app: 'web' }, ownerReferences: [owner] })
  assert.deepEqual(pod.spec, source.spec)
  assert.notEqual(pod.spec.containers, source.spec.containers)
})
