import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodTemplateSpec } from '@bramble/api/types/workload'
import { nameWarnings, podWarnings } from './warnings.ts'

const app = { name: 'app', image: 'a:1' }
const warned = (template: object, path = ''): readonly string[] =>
  podWarnings({ metadata: {}, ...template } as unknown as PodTemplateSpec, path)
const inContainer = (container: object): readonly string[] => warned({ spec: { containers: [{ ...app, ...container }] } })

const cases: readonly (readonly [name: string, given: readonly string[], ...expected: string[]])[] = [
  ['an ordinary pod', warned({ spec: { containers: [app] } })],
  [
    'a variable that hides another',
    inContainer({
      env: [
        { name: 'A', value: '1' },
        { name: 'A', value: '2' },
      ],
    }),
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
  ],
  [
    'a variable that builds on the one before',
    inContainer({
      env: [
        { name: 'PATH', value: '/bin' },
        { name: 'PATH', value: '$(PATH):/opt' },
      ],
    }),
  ],
  [
    'one port in two containers',
    warned({
      spec: {
        containers: [
          { ...app, ports: [{ containerPort: 80, protocol: 'TCP' }] },
          { ...app, name: 'b', ports: [{ containerPort: 80, protocol: 'TCP' }] },
        ],
      },
    }),
    'spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]',
  ],
  [
    'one port of which one is on the host',
    inContainer({
      ports: [
        { containerPort: 80, protocol: 'TCP' },
        { containerPort: 80, protocol: 'TCP', hostPort: 8080 },
      ],
    }),
    'spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]',
  ],
  [
    'half a byte',
    inContainer({ resources: { limits: { memory: '1500m' } } }),
    'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
  ],
  [
    'an old label of nodes in a template',
    warned({ spec: { containers: [app], nodeSelector: { 'beta.kubernetes.io/arch': 'arm64' } } }, 'spec.template.'),
    'spec.template.spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "kubernetes.io/arch" instead',
  ],
  [
    'an old annotation in a template',
    warned(
      { metadata: { annotations: { 'scheduler.alpha.kubernetes.io/critical-pod': '' } }, spec: { containers: [app] } },
      'spec.template.',
    ),
    'spec.template.metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
  ],
  [
    'a volume that Kubernetes dropped',
    warned({ spec: { containers: [app], volumes: [{ name: 'v', glusterfs: {} }] } }),
    'spec.volumes[0].glusterfs: deprecated in v1.25, non-functional in v1.26+',
  ],
  [
    'a secret for images named twice',
    warned({ spec: { containers: [app], imagePullSecrets: [{ name: 's' }, { name: 's' }] } }),
    'spec.imagePullSecrets[1].name: duplicate name "s"',
  ],
  [
    'less than no grace',
    warned({ spec: { containers: [app], terminationGracePeriodSeconds: -1 } }),
    'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
  ],
]
for (const [name, given, ...expected] of cases) test(`warns of ${name}`, () => assert.deepEqual(given, expected))

test('a name with dots is no host name', () => {
  const named = (name: string) => ({ metadata: { name, uid: '', resourceVersion: '', creationTimestamp: '' } })
  assert.deepEqual(nameWarnings(named('web')), [])
  assert.match(nameWarnings(named('a.b'))[0]!, /^metadata.name: this is used in Pod names and hostnames, .*: \[a lowercase RFC 1123 label /)
})
