import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, PodSpec } from '@bramble/api/types/pod'
import { applyPodDefaults } from './pod-defaults.ts'
import { validatePodSpec } from './validate.ts'

const refusals = (spec: object): string[] => {
  const pod = { metadata: { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '' }, spec: structuredClone(spec) as PodSpec }
  applyPodDefaults(pod)
  return validatePodSpec(pod.spec, 'spec', 'pod').map(({ path, message }) => `${path}: ${message}`)
}
const app: Container = { name: 'app', image: 'a:1' }
const C = 'spec.containers[0]'
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

test('a pod that uses everything Bramble runs is fine', () => {
  assert.deepEqual(
    refusals({
      nodeSelector: { disktype: 'ssd' },
      tolerations: [{ operator: 'Exists' }, { key: 'a', operator: 'Equal', value: 'b', effect: 'NoSchedule' }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              {
                matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }],
                matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }],
              },
            ],
          },
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 5, preference: { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['3'] }] } },
          ],
        },
      },
      volumes: [
        { name: 'a' },
        { name: 'b', hostPath: { path: '/data' } },
        { name: 'c', configMap: { name: 'c', items: [{ key: 'k', path: 'd/k' }] } },
        { name: 'd', secret: { secretName: 's' } },
      ],
      initContainers: [{ name: 'init', image: 'a' }],
      containers: [
        {
          ...app,
          command: ['x'],
          ports: [{ name: 'http', containerPort: 80, hostPort: 8080 }],
          env: [
            { name: 'A', value: '1' },
            { name: 'B', valueFrom: { configMapKeyRef: { name: 'c', key: 'k' } } },
            { name: 'L', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
          ],
          envFrom: [{ secretRef: { name: 's' } }],
          resources: { requests: { cpu: '100m' }, limits: { cpu: '1', memory: '64Mi' } },
          volumeMounts: [
            { name: 'a', mountPath: '/a' },
            { name: 'b', mountPath: '/b', subPath: 'x/y', readOnly: true },
          ],
          livenessProbe: { exec: { command: ['true'] } },
          readinessProbe: { httpGet: { port: 'http' } },
          startupProbe: { tcpSocket: { port: 80 } },
        },
      ],
    }),
    [],
  )
})

const inContainer: readonly (readonly [name: string, container: object, ...expected: string[]])[] = [
  ['without a name', { name: undefined }, `${C}.name: Required value`],
  ['whose name is no label', { name: 'My_App' }, `${C}.name: Invalid value: "My_App": ${LABEL_RULE}`],
  ['without an image', { image: '' }, `${C}.image: Required value`],
  ['whose image has blanks around it', { image: ' a' }, `${C}.image: Invalid value: " a": must not have leading or trailing whitespace`],
  [
    'with an unknown pull policy',
    { imagePullPolicy: 'Sometimes' },
    `${C}.imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"`,
  ],
  [
    'with an unknown message policy',
    { terminationMessagePolicy: 'x' },
    `${C}.terminationMessagePolicy: Unsupported value: "x": supported values: "FallbackToLogsOnError", "File"`,
  ],
  [
    'with a port out of range',
    { ports: [{ containerPort: 70000 }] },
    `${C}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`,
  ],
  ['with a port without number', { ports: [{}] }, `${C}.ports[0].containerPort: Required value`],
  [
    'with a long port name',
    { ports: [{ name: 'a-very-long-port-name', containerPort: 1 }] },
    `${C}.ports[0].name: Invalid value: "a-very-long-port-name": must be no more than 15 bytes`,
  ],
  [
    'with a port name without letters',
    { ports: [{ name: '80', containerPort: 80 }] },
    `${C}.ports[0].name: Invalid value: "80": must contain at least one letter (a-z)`,
  ],
  [
    'with one port name twice',
    {
      ports: [
        { name: 'a', containerPort: 1 },
        { name: 'a', containerPort: 2 },
      ],
    },
    `${C}.ports[1].name: Duplicate value: "a"`,
  ],
  [
    'with an unknown protocol',
    { ports: [{ containerPort: 1, protocol: 'tcp' }] },
    `${C}.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"`,
  ],
  [
    'with one host port twice',
    {
      ports: [
        { containerPort: 1, hostPort: 80 },
        { containerPort: 2, hostPort: 80 },
      ],
    },
    `${C}.ports[1].hostPort: Duplicate value: "TCP//80"`,
  ],
  ['with a variable without name', { env: [{ value: 'x' }] }, `${C}.env[0].name: Required value`],
  [
    'with = in the name of a variable',
    { env: [{ name: 'A=B' }] },
    `${C}.env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than '='`,
  ],
  [
    'with a value and a source',
    { env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
    `${C}.env[0].valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`,
  ],
  [
    'with two sources',
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' }, configMapKeyRef: { name: 's', key: 'k' } } }] },
    `${C}.env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time`,
  ],
  [
    'with an empty source',
    { env: [{ name: 'A', valueFrom: {} }] },
    `${C}.env[0].valueFrom: Invalid value: "": must specify one of: \`fieldRef\`, \`resourceFieldRef\`, \`configMapKeyRef\` or \`secretKeyRef\``,
  ],
  [
    'with a source without key',
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's' } } }] },
    `${C}.env[0].valueFrom.secretKeyRef.key: Required value`,
  ],
  [
    'with an unknown field',
    { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.foo' } } }] },
    `${C}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.foo": error converting fieldPath: field label not supported: spec.foo`,
  ],
  [
    'with a field that only files may have',
    { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }] },
    `${C}.env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"`,
  ],
  [
    'with a subscript where there is none',
    { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.name['x']" } } }] },
    `${C}.env[0].valueFrom.fieldRef: Invalid value: "metadata.name": does not support subscript`,
  ],
  [
    'with an unknown resource field',
    { env: [{ name: 'A', valueFrom: { resourceFieldRef: { resource: 'limits.disk' } } }] },
    `${C}.env[0].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.disk": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"`,
  ],
  [
    'with envFrom from nothing',
    { envFrom: [{}] },
    `${C}.envFrom: Invalid value: "": must specify one of: \`configMapRef\` or \`secretRef\``,
  ],
  ['with a mount of no volume', { volumeMounts: [{ name: 'v', mountPath: '/v' }] }, `${C}.volumeMounts[0].name: Not found: "v"`],
  ['with a probe that does nothing', { livenessProbe: {} }, `${C}.livenessProbe: Required value: must specify a handler type`],
  [
    'with a probe that does two things',
    { livenessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 1 } } },
    `${C}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`,
  ],
  ['with a probe of no command', { livenessProbe: { exec: {} } }, `${C}.livenessProbe.exec.command: Required value`],
  [
    'with a probe of a port out of range',
    { readinessProbe: { tcpSocket: { port: 0 } } },
    `${C}.readinessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive`,
  ],
  [
    'with a liveness probe that must succeed twice',
    { livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } },
    `${C}.livenessProbe.successThreshold: Invalid value: 2: must be 1`,
  ],
  [
    'with a negative period',
    { readinessProbe: { tcpSocket: { port: 1 }, periodSeconds: -1 } },
    `${C}.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0`,
  ],
  [
    'with a readiness probe with a grace',
    { readinessProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 5 } },
    `${C}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes`,
  ],
  [
    'with a hook of an unknown scheme',
    { lifecycle: { preStop: { httpGet: { port: 80, scheme: 'ftp' } } } },
    `${C}.lifecycle.preStop.httpGet.scheme: Unsupported value: "ftp": supported values: "HTTP", "HTTPS"`,
  ],
  [
    'privileged but not allowed to be',
    { securityContext: { privileged: true, allowPrivilegeEscalation: false } },
    `${C}.securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set \`allowPrivilegeEscalation\` to false and \`privileged\` to true`,
  ],
  [
    'with a restart policy that there is not',
    { restartPolicy: 'Once' },
    `${C}.restartPolicy: Unsupported value: "Once": supported values: "Always", "Never", "OnFailure"`,
  ],
  [
    'with restart rules and no policy',
    { restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }] },
    `${C}.restartPolicy: Required value: must specify restartPolicy when restart rules are used`,
  ],
  [
    'with restart rules that say nothing',
    { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Stop', exitCodes: { values: [1] } }, { action: 'RestartAllContainers' }] },
    `${C}.restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart", "RestartAllContainers"`,
    `${C}.restartPolicyRules[0].exitCodes.operator: Unsupported value: "": supported values: "In", "NotIn"`,
    `${C}.restartPolicyRules[1].exitCodes: Required value`,
  ],
]
for (const [name, container, ...expected] of inContainer) {
  test(`refuses a container ${name}`, () => assert.deepEqual(refusals({ containers: [{ ...app, ...container }] }), expected))
}

test('containers may have restart policies and rules of their own, init containers too', () => {
  const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'NotIn', values: [0] } }]
  const own = { restartPolicy: 'OnFailure', restartPolicyRules: rules }
  assert.deepEqual(
    refusals({ containers: [{ ...app, ...own }], initContainers: [{ ...app, name: 'init', ...own, restartPolicy: 'Never' }] }),
    [],
  )
})

const inSpec: readonly (readonly [name: string, spec: object, ...expected: string[]])[] = [
  ['no containers', { containers: undefined }, 'spec.containers: Required value'],
  ['two containers of one name', { containers: [app, app] }, 'spec.containers[1].name: Duplicate value: "app"'],
  ['an init container with the name of a container', { initContainers: [app] }, 'spec.initContainers[0].name: Duplicate value: "app"'],
  [
    'an init container with a probe',
    { initContainers: [{ name: 'i', image: 'a', livenessProbe: { tcpSocket: { port: 1 } } }] },
    'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
  ],
  [
    'an unknown restart policy',
    { restartPolicy: 'Once' },
    'spec.restartPolicy: Unsupported value: "Once": supported values: "Always", "Never", "OnFailure"',
  ],
  [
    'an unknown DNS policy',
    { dnsPolicy: 'x' },
    'spec.dnsPolicy: Unsupported value: "x": supported values: "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"',
  ],
  [
    'no DNS servers where none are given',
    { dnsPolicy: 'None' },
    'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
  ],
  [
    'a node selector that is no label',
    { nodeSelector: { a: 'b c' } },
    `spec.nodeSelector: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
  ],
  ['two volumes of one name', { volumes: [{ name: 'v' }, { name: 'v' }] }, 'spec.volumes[1].name: Duplicate value: "v"'],
  [
    'a volume of two sources',
    { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] },
    'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
  ],
  [
    'a host path that climbs',
    { volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] },
    `spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'`,
  ],
  [
    'a mode that is none',
    { volumes: [{ name: 'v', secret: { secretName: 's', defaultMode: 512 } }] },
    'spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
  ],
  [
    'a file outside its volume',
    { volumes: [{ name: 'v', configMap: { name: 'c', items: [{ key: 'k', path: '/etc/x' }] } }] },
    'spec.volumes[0].configMap.items[0].path: Invalid value: "/etc/x": must be a relative path',
  ],
  [
    'two mounts on one path',
    {
      volumes: [{ name: 'v' }],
      containers: [
        {
          ...app,
          volumeMounts: [
            { name: 'v', mountPath: '/a' },
            { name: 'v', mountPath: '/a' },
          ],
        },
      ],
    },
    `${C}.volumeMounts[1].mountPath: Invalid value: "/a": must be unique`,
  ],
  [
    'a sub path that climbs',
    { volumes: [{ name: 'v' }], containers: [{ ...app, volumeMounts: [{ name: 'v', mountPath: '/a', subPath: '../x' }] }] },
    `${C}.volumeMounts[0].subPath: Invalid value: "../x": must not contain '..'`,
  ],
  [
    'affinity to nothing',
    { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } } },
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
  ],
  [
    'an unknown operator',
    {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Is' }] }] },
        },
      },
    },
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
  ],
  [
    'a weight out of range',
    { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 101, preference: {} }] } } },
    'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100',
  ],
  [
    'affinity to pods nowhere',
    { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{}] } } },
    'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
  ],
  [
    'a toleration of an empty key',
    { tolerations: [{ value: 'x' }] },
    'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
  ],
  [
    'seconds without NoExecute',
    { tolerations: [{ key: 'a', operator: 'Exists', tolerationSeconds: 3 }] },
    `spec.tolerations[0].effect: Invalid value: "": effect must be 'NoExecute' when \`tolerationSeconds\` is set`,
  ],
  [
    'an unknown effect',
    { tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoRun' }] },
    'spec.tolerations[0].effect: Unsupported value: "NoRun": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"',
  ],
  [
    'a deadline of nothing',
    { activeDeadlineSeconds: 0 },
    'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
  ],
  ['a host name that is no label', { hostname: 'a.b' }, `spec.hostname: Invalid value: "a.b": ${LABEL_RULE}`],
  [
    'a host alias without address',
    { hostAliases: [{ ip: 'x', hostnames: ['a.b'] }] },
    'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  [
    'ports that differ on the network of the node',
    { hostNetwork: true, containers: [{ ...app, ports: [{ containerPort: 80, hostPort: 81 }] }] },
    `${C}.ports[0].hostPort: Invalid value: 81: must match \`containerPort\` when \`hostNetwork\` is true`,
  ],
  [
    'a key that is no file name',
    { containers: [{ ...app, env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'a b' } } }] }] },
    `${C}.env[0].valueFrom.configMapKeyRef.key: Invalid value: "a b": ${KEY_RULE}`,
  ],
]
for (const [name, spec, ...expected] of inSpec) {
  test(`refuses a pod with ${name}`, () => assert.deepEqual(refusals({ containers: [app], ...spec }), expected))
}

test('a template may leave its host ports to its pods', () => {
  const spec = { hostNetwork: true, containers: [{ ...app, ports: [{ containerPort: 80 }] }] }
  const errors = validatePodSpec({ ...spec, restartPolicy: 'Always', dnsPolicy: 'ClusterFirst' }, 'spec', 'template')
  assert.equal(
    errors.some(({ path }) => path.endsWith('hostPort')),
    false,
  )
})
