import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod, PodSpec, Volume } from '@bramble/api/types/pod'
import { applyTemplateDefaults } from './defaults.ts'
import { applyPodDefaults } from './pod-defaults.ts'
import { qualityOfService } from './quality-of-service.ts'

const podOf = (spec: Partial<PodSpec>): Pod => ({
  metadata: { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { containers: [{ name: 'app', image: 'nginx:1.27' }], ...spec },
})
const defaulted = (spec: Partial<PodSpec>): Pod => {
  const pod = podOf(spec)
  applyPodDefaults(pod)
  return pod
}

test('the smallest pod becomes what Kubernetes makes of it', () => {
  const { spec, status } = defaulted({})
  assert.deepEqual(spec, {
    containers: [
      {
        name: 'app',
        image: 'nginx:1.27',
        imagePullPolicy: 'IfNotPresent',
        resources: {},
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
      },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
    serviceAccountName: 'default',
    serviceAccount: 'default',
  })
  assert.deepEqual(status, { phase: 'Pending', qosClass: 'BestEffort' })
})

test('a template gets the same but what only pods have', () => {
  const owner: Parameters<typeof applyTemplateDefaults>[0] = {
    template: { spec: { containers: [{ name: 'app', image: 'a', resources: { limits: { cpu: '1' } } }] } },
  }
  applyTemplateDefaults(owner)
  const { spec } = owner.template!
  assert.equal(spec.restartPolicy, 'Always')
  assert.equal(spec.serviceAccountName, undefined)
  assert.equal(spec.enableServiceLinks, undefined)
  assert.deepEqual(spec.containers[0]!.resources, { limits: { cpu: '1' } })
})

for (const [image, policy] of [
  ['nginx', 'Always'],
  ['nginx:latest', 'Always'],
  ['nginx:1.27', 'IfNotPresent'],
  ['registry:5000/nginx', 'Always'],
  ['registry:5000/nginx:1', 'IfNotPresent'],
  ['nginx@sha256:0123', 'IfNotPresent'],
  ['nginx:latest@sha256:0123', 'IfNotPresent'],
] as const) {
  test(`the image ${image} is pulled ${policy}`, () => {
    assert.equal(defaulted({ containers: [{ name: 'app', image }] }).spec.containers[0]!.imagePullPolicy, policy)
  })
}

test('what a container leaves open is filled in deep inside', () => {
  const [container] = defaulted({
    containers: [
      {
        name: 'app',
        image: 'a:1',
        ports: [{ containerPort: 80 }],
        env: [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
        readinessProbe: { httpGet: { port: 80 } },
        livenessProbe: { tcpSocket: { port: 80 }, periodSeconds: 3 },
      },
    ],
  }).spec.containers as [Container]
  assert.deepEqual(container.ports, [{ containerPort: 80, protocol: 'TCP' }])
  assert.deepEqual(container.env![0]!.valueFrom!.fieldRef, { apiVersion: 'v1', fieldPath: 'status.podIP' })
  assert.deepEqual(container.readinessProbe, {
    httpGet: { port: 80, path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  })
  assert.deepEqual(container.livenessProbe, {
    tcpSocket: { port: 80 },
    timeoutSeconds: 1,
    periodSeconds: 3,
    successThreshold: 1,
    failureThreshold: 3,
  })
})

const volumes: readonly { readonly name: string; readonly volume: Omit<Volume, 'name'>; readonly becomes: Omit<Volume, 'name'> }[] = [
  { name: 'a volume without a source is an empty folder', volume: {}, becomes: { emptyDir: {} } },
  {
    name: 'files of a ConfigMap are readable by all',
    volume: { configMap: { name: 'c' } },
    becomes: { configMap: { name: 'c', defaultMode: 420 } },
  },
  {
    name: 'files of a Secret are readable by all',
    volume: { secret: { secretName: 's' } },
    becomes: { secret: { secretName: 's', defaultMode: 420 } },
  },
  {
    name: 'a mode that was given stays',
    volume: { secret: { secretName: 's', defaultMode: 256 } },
    becomes: { secret: { secretName: 's', defaultMode: 256 } },
  },
  { name: 'a host path is of any type', volume: { hostPath: { path: '/x' } }, becomes: { hostPath: { path: '/x', type: '' } } },
  {
    name: 'a projected token lives an hour',
    volume: { projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    becomes: { projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] } },
  },
  {
    name: 'fields in files are of v1',
    volume: { downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } },
    becomes: { downwardAPI: { defaultMode: 420, items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels', apiVersion: 'v1' } }] } },
  },
]
for (const { name, volume, becomes } of volumes) {
  test(name, () => assert.deepEqual(defaulted({ volumes: [{ name: 'v', ...volume }] }).spec.volumes, [{ name: 'v', ...becomes }]))
}

test('who says a limit asks for as much', () => {
  const { spec, status } = defaulted({
    containers: [{ name: 'app', image: 'a:1', resources: { limits: { cpu: '1', memory: '64Mi' }, requests: { cpu: '500m' } } }],
  })
  assert.deepEqual(spec.containers[0]!.resources!.requests, { cpu: '500m', memory: '64Mi' })
  assert.equal(status!.qosClass, 'Burstable')
})

test('on the network of the node, the host port is the container port', () => {
  const { spec } = defaulted({ hostNetwork: true, containers: [{ name: 'app', image: 'a:1', ports: [{ containerPort: 80 }] }] })
  assert.equal(spec.containers[0]!.ports![0]!.hostPort, 80)
})

test('the old name of the service account is understood', () => {
  assert.equal(defaulted({ serviceAccount: 'robot' } as Partial<PodSpec>).spec.serviceAccountName, 'robot')
})

const both = { cpu: '1', memory: '1Gi' }
for (const [name, resources, expected] of [
  ['nothing asked', {}, 'BestEffort'],
  ['a request', { requests: { cpu: '1' } }, 'Burstable'],
  ['limits equal to requests', { limits: both, requests: { cpu: '1000m', memory: '1024Mi' } }, 'Guaranteed'],
  ['only one of two limited', { limits: { cpu: '1' }, requests: { cpu: '1' } }, 'Burstable'],
  ['other resources only', { limits: { 'example.com/gpu': '1' } }, 'BestEffort'],
] as const) {
  test(`quality of service with ${name} is ${expected}`, () =>
    assert.equal(qualityOfService({ containers: [{ name: 'app', image: 'a', resources: { ...resources } }] }), expected))
}
