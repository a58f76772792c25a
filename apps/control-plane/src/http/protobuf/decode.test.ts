import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeProtobuf } from './decode.ts'
import { crdWith, envelope, named, type Written } from './encode.fixture.ts'

/** Kind, fields on the wire, JSON. */
const cases: readonly (readonly [string, string, string, Written, object])[] = [
  [
    'empty texts and zeroes of plain fields are nothing',
    'v1',
    'Namespace',
    [
      [1, named('a')],
      [2, []],
      [3, [[1, '']]],
    ],
    { metadata: { name: 'a' }, spec: {}, status: {} },
  ],
  [
    'a pointer to zero is a value',
    'apps/v1',
    'Deployment',
    [
      [1, named('d')],
      [
        2,
        [
          [1, 0],
          [3, []],
          [5, 0],
          [7, false],
        ],
      ],
    ],
    { metadata: { name: 'd' }, spec: { replicas: 0, template: {} } },
  ],
  [
    'pointers to false and 0 in a security context',
    'v1',
    'Pod',
    [
      [
        2,
        [
          [15, []],
          [
            2,
            [
              [1, 'c'],
              [2, 'i'],
              [
                15,
                [
                  [2, false],
                  [4, 0],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
    { spec: { containers: [{ name: 'c', image: 'i', securityContext: { privileged: false, runAsUser: 0 } }] } },
  ],
  [
    'maps and bytes',
    'v1',
    'Secret',
    [
      [
        2,
        [
          [1, 'k'],
          [2, 'v\0'],
        ],
      ],
      [2, [[1, 'empty']]],
      [3, 'Opaque'],
    ],
    { data: { k: 'dgA=', empty: '' }, type: 'Opaque' },
  ],
  [
    'a label named __proto__',
    'v1',
    'ConfigMap',
    [
      [
        2,
        [
          [1, '__proto__'],
          [2, 'x'],
        ],
      ],
    ],
    { data: JSON.parse('{"__proto__":"x"}') },
  ],
  [
    'numbers or texts',
    'v1',
    'Service',
    [
      [
        2,
        [
          [
            1,
            [
              [1, ''],
              [2, 'TCP'],
              [3, 80],
              [
                4,
                [
                  [1, 0],
                  [2, 8080],
                  [3, ''],
                ],
              ],
            ],
          ],
          [
            1,
            [
              [3, 81],
              [
                4,
                [
                  [1, 1],
                  [2, 0],
                  [3, 'web'],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
    {
      spec: {
        ports: [
          { protocol: 'TCP', port: 80, targetPort: 8080 },
          { port: 81, targetPort: 'web' },
        ],
      },
    },
  ],
  [
    'quantities by name',
    'v1',
    'Pod',
    [
      [
        2,
        [
          [
            2,
            [
              [1, 'c'],
              [
                8,
                [
                  [
                    1,
                    [
                      [1, 'cpu'],
                      [2, [[1, '100m']]],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
    { spec: { containers: [{ name: 'c', resources: { limits: { cpu: '100m' } } }] } },
  ],
  [
    'times, with and without a value',
    'coordination.k8s.io/v1',
    'Lease',
    [
      [
        1,
        [
          [1, 'l'],
          [
            8,
            [
              [1, 1767323045],
              [2, 0],
            ],
          ],
        ],
      ],
      [
        2,
        [
          [1, 'me'],
          [2, 15],
          [
            4,
            [
              [1, 1767323045],
              [2, 123456789],
            ],
          ],
        ],
      ],
    ],
    {
      metadata: { name: 'l', creationTimestamp: '2026-01-02T03:04:05Z' },
      spec: { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime: '2026-01-02T03:04:05.123456Z' },
    },
  ],
  [
    'fields of an inlined message',
    'v1',
    'Pod',
    [
      [
        2,
        [
          [
            1,
            [
              [1, 'v'],
              [2, [[2, [[1, '']]]]],
            ],
          ],
        ],
      ],
    ],
    { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
  ],
  [
    'an inlined reference',
    'v1',
    'Pod',
    [
      [
        2,
        [
          [
            2,
            [
              [1, 'c'],
              [
                7,
                [
                  [1, 'E'],
                  [
                    3,
                    [
                      [
                        4,
                        [
                          [1, [[1, 's']]],
                          [2, 'k'],
                          [3, false],
                        ],
                      ],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
    { spec: { containers: [{ name: 'c', env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: false } } }] }] } },
  ],
  ['negative numbers', 'v1', 'Pod', [[2, [[25, -5]]]], { spec: { priority: -5 } }],
  [
    'embedded JSON',
    'apps/v1',
    'ControllerRevision',
    [
      [2, [[1, '{"a":[1]}']]],
      [3, 0],
    ],
    { data: { a: [1] }, revision: 0 },
  ],
  [
    'lists wrapped in a message',
    'authorization.k8s.io/v1',
    'SubjectAccessReview',
    [
      [
        2,
        [
          [3, 'u'],
          [
            5,
            [
              [1, 'scopes'],
              [
                2,
                [
                  [1, 'a'],
                  [1, 'b'],
                ],
              ],
            ],
          ],
        ],
      ],
      [3, [[1, false]]],
    ],
    { spec: { user: 'u', extra: { scopes: ['a', 'b'] } }, status: { allowed: false } },
  ],
  [
    'fields of a newer version are skipped',
    'v1',
    'Namespace',
    [
      [1, [[1, 'a']]],
      [99, 'x'],
      [100, 7],
    ],
    { metadata: { name: 'a' } },
  ],
  [
    'delete options of any group',
    'apps/v1',
    'DeleteOptions',
    [
      [1, 0],
      [4, 'Foreground'],
      [5, 'All'],
    ],
    { gracePeriodSeconds: 0, propagationPolicy: 'Foreground', dryRun: ['All'] },
  ],
  [
    'schemas that are one or a list',
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    crdWith([
      [5, 'object'],
      [
        30,
        [
          [1, false],
          [2, [[5, 'string']]],
        ],
      ],
    ]),
    { spec: { versions: [{ name: 'v1', schema: { openAPIV3Schema: { type: 'object', additionalProperties: { type: 'string' } } } }] } },
  ],
]
for (const [name, apiVersion, kind, fields, expected] of cases)
  test(name, () => {
    const decoded = decodeProtobuf(envelope(apiVersion, kind, fields), { apiVersion, kind }) as Record<string, unknown>
    assert.deepEqual(pick(decoded, expected), pick({ apiVersion, kind, ...expected }, expected))
    assert.deepEqual([decoded.apiVersion, decoded.kind], [apiVersion, kind])
  })

/** Only the parts that a case speaks of: Go's encoders send more. */
function pick(value: unknown, like: unknown): unknown {
  if (typeof like !== 'object' || like === null || Array.isArray(like)) return value
  return Object.fromEntries(
    Object.keys(like).map((key) => [key, pick((value as Record<string, unknown>)[key], (like as Record<string, unknown>)[key])]),
  )
}
