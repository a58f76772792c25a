/** Writes protobuf by field number, for tests: texts and buffers are length-delimited, numbers are varints. */
export type Written = readonly (readonly [number: number, value: string | number | bigint | boolean | Buffer | Double | Written])[]
export interface Double {
  readonly double: number
}

export const bytes = (fields: Written): Buffer =>
  Buffer.concat(
    fields.flatMap(([number, value]) => {
      if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
        return [varint(BigInt(number) << 3n), varint(BigInt(value))]
      if (typeof value === 'object' && 'double' in value)
        return [varint((BigInt(number) << 3n) | 1n), Buffer.from(Float64Array.of(value.double).buffer)]
      const body = typeof value === 'string' ? Buffer.from(value) : Buffer.isBuffer(value) ? value : bytes(value as Written)
      return [varint((BigInt(number) << 3n) | 2n), varint(BigInt(body.length)), body]
    }),
  )

/** As `application/vnd.kubernetes.protobuf`. */
export const envelope = (apiVersion: string, kind: string, object: Written | Buffer): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    bytes([
      [
        1,
        [
          [1, apiVersion],
          [2, kind],
        ],
      ],
      [2, Buffer.isBuffer(object) ? object : bytes(object)],
      [3, ''],
      [4, ''],
    ]),
  ])

function varint(value: bigint): Buffer {
  const out: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...out, Number(rest)])
}

/** ObjectMeta as Go writes it when nothing is set. */
export const emptyMeta: Written = [
  [1, ''],
  [2, ''],
  [3, ''],
  [5, ''],
  [6, ''],
  [7, 0],
  [8, []],
]
export const named = (name: string): Written => [[1, name], ...emptyMeta.slice(1)]

/** A CustomResourceDefinition with one version. */
export const crdWith = (schema: Written | Buffer): Written => [
  [
    2,
    [
      [
        7,
        [
          [1, 'v1'],
          [4, [[1, schema]]],
        ],
      ],
    ],
  ],
]
