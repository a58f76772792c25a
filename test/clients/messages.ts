import { envelope, type Written } from '../../apps/control-plane/src/http/protobuf/encode.fixture.ts'

// Objects as Go programs send them in protobuf: values that are not set are written all the same unless Go has a pointer there.

export interface Metadata {
  readonly name: string
  readonly namespace?: string
  readonly resourceVersion?: string
  readonly labels?: Readonly<Record<string, string>>
}

const entries = (number: number, map: Readonly<Record<string, string | Buffer>>): Written =>
  Object.entries(map).map(
    ([key, value]) =>
      [
        number,
        [
          [1, key],
          [2, value],
        ],
      ] as const,
  )

const metadata = ({ name, namespace = '', resourceVersion = '', labels = {} }: Metadata): Written => [
  [1, name],
  [2, ''],
  [3, namespace],
  [4, ''],
  [5, ''],
  [6, resourceVersion],
  [7, 0],
  [8, []],
  ...entries(11, labels),
]

export const secret = (meta: Metadata, type: string, data: Readonly<Record<string, string | Buffer>>): Buffer =>
  envelope('v1', 'Secret', [[1, metadata(meta)], ...entries(2, data), [3, type]])

export const namespace = (name: string): Buffer =>
  envelope('v1', 'Namespace', [
    [1, metadata({ name })],
    [2, []],
    [3, [[1, '']]],
  ])

const time = (seconds: number): Written => [
  [1, seconds],
  [2, 0],
]

export const lease = (meta: Metadata, holder: string, seconds: number, transitions: number): Buffer =>
  envelope('coordination.k8s.io/v1', 'Lease', [
    [1, metadata(meta)],
    [
      2,
      [
        [1, holder],
        [2, 15],
        [3, time(seconds)],
        [4, time(seconds)],
        [5, transitions],
      ],
    ],
  ])

export const event = (meta: Metadata, about: string, seconds: number): Buffer =>
  envelope('v1', 'Event', [
    [1, metadata(meta)],
    [
      2,
      [
        [1, 'Pod'],
        [2, meta.namespace ?? ''],
        [3, about],
        [4, ''],
        [5, 'v1'],
        [6, ''],
        [7, ''],
      ],
    ],
    [3, 'Tested'],
    [4, 'it was tested'],
    [
      5,
      [
        [1, 'tester'],
        [2, ''],
      ],
    ],
    [6, time(seconds)],
    [7, time(seconds)],
    [8, 1],
    [9, 'Normal'],
    [10, []],
    [12, ''],
    [14, 'tester'],
    [15, ''],
  ])

export const accessReview = (verb: string, group: string, resource: string): Buffer =>
  envelope('authorization.k8s.io/v1', 'SelfSubjectAccessReview', [
    [1, metadata({ name: '' })],
    [
      2,
      [
        [
          1,
          [
            [1, ''],
            [2, verb],
            [3, group],
            [4, ''],
            [5, resource],
            [6, ''],
            [7, ''],
          ],
        ],
      ],
    ],
    [
      3,
      [
        [1, false],
        [2, ''],
        [3, ''],
        [4, false],
      ],
    ],
  ])

export const deleteOptions = (propagationPolicy: string): Buffer => envelope('v1', 'DeleteOptions', [[4, propagationPolicy]])
