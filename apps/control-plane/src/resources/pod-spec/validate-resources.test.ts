import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pods } from '../pod.ts'
import { refusals } from '../testing.ts'

const C = 'spec.containers[0]'
const inContainer: readonly (readonly [name: string, container: object, ...expected: string[]])[] = [
  [
    'that asks for more than its limit',
    { resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } },
    `${C}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`,
  ],
  [
    'that asks for less than nothing',
    { resources: { requests: { memory: '-1' } } },
    `${C}.resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0`,
  ],
  [
    'that asks for what there is not',
    { resources: { requests: { storage: '1' } } },
    `${C}.resources.requests[storage]: Invalid value: "storage": must be a standard resource for containers`,
  ],
  [
    'that asks for a device it may not have',
    { resources: { requests: { 'example.com/gpu': '1' } } },
    `${C}.resources.limits: Required value: Limit must be set for non overcommitable resources`,
  ],
  [
    'that asks for what nobody knows',
    { resources: { limits: { disk: '1' } } },
    `${C}.resources.limits[disk]: Invalid value: "disk": must be a standard resource type or fully qualified`,
    `${C}.resources.limits[disk]: Invalid value: "disk": must be a standard resource for containers`,
    `${C}.resources.requests[disk]: Invalid value: "disk": must be a standard resource type or fully qualified`,
    `${C}.resources.requests[disk]: Invalid value: "disk": must be a standard resource for containers`,
  ],
  [
    'that asks for half a device',
    { resources: { limits: { 'example.com/gpu': '500m' } } },
    `${C}.resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer`,
    `${C}.resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer`,
  ],
  [
    'that asks for huge pages alone',
    { resources: { limits: { 'hugepages-2Mi': '4Mi' } } },
    `${C}.resources: Forbidden: HugePages require cpu or memory`,
  ],
  [
    'that asks for fewer huge pages than it may have',
    { resources: { requests: { cpu: '1', 'hugepages-2Mi': '2Mi' }, limits: { 'hugepages-2Mi': '4Mi' } } },
    `${C}.resources.requests: Invalid value: "2Mi": must be equal to hugepages-2Mi limit of 4Mi`,
  ],
  [
    'that says the same in other words',
    { resources: { requests: { cpu: '1000m', memory: '1Gi' }, limits: { cpu: '1', memory: '1024Mi' } } },
  ],
  [
    'that is resized in an unknown way',
    {
      resizePolicy: [
        { resourceName: 'disk', restartPolicy: 'NotRequired' },
        { resourceName: 'cpu', restartPolicy: 'Never' },
        { resourceName: 'cpu', restartPolicy: 'NotRequired' },
      ],
    },
    `${C}.resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"`,
    `${C}.resizePolicy: Unsupported value: "Never": supported values: "NotRequired", "RestartContainer"`,
    `${C}.resizePolicy[2]: Duplicate value: "cpu"`,
  ],
]
for (const [name, container, ...expected] of inContainer)
  test(`a container ${name}`, () =>
    assert.deepEqual(refusals(pods, { spec: { containers: [{ name: 'app', image: 'a:1', ...container }] } }), expected))
