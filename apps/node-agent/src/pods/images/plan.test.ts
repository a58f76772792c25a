import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seeded } from '@bramble/reconcile/sim/seeded'
import { bytesToFree, diskLevel, type GarbagePolicy, type KnownImage, planRemoval } from './plan.ts'

const GIB = 2 ** 30
const POLICY: GarbagePolicy = { high: { usedShare: 0.85 }, low: { usedShare: 0.8 }, ageMsMin: 0 }

for (const [text, level] of [
  ['85%', { usedShare: 0.85 }],
  ['100%', { usedShare: 1 }],
  ['20Gi', { freeBytes: 20 * GIB }],
  ['512', { freeBytes: 512 }],
  ['101%', undefined],
  ['2 GB', undefined],
  ['', undefined],
] as const)
  test(`the level "${text}"`, () => assert.deepEqual(diskLevel(text), level))

for (const [sentence, capacity, available, policy, expected] of [
  ['a disk below its high level is left alone', 100 * GIB, 15.1 * GIB, POLICY, 0],
  ['one at its high level is emptied to the low one', 100 * GIB, 15 * GIB, POLICY, 5 * GIB],
  ['a full one too', 100 * GIB, 0, POLICY, 20 * GIB],
  [
    'levels in bytes say what stays free',
    100 * GIB,
    2 * GIB,
    { high: { freeBytes: 3 * GIB }, low: { freeBytes: 5 * GIB }, ageMsMin: 0 },
    3 * GIB,
  ],
  ['a card of 4 GiB keeps 1 GiB free though 85 % would leave less', 4 * GIB, 1 * GIB, POLICY, Math.ceil(0.2 * GIB)],
  ['a card of 2 GiB keeps a quarter free', 2 * GIB, 0.5 * GIB, POLICY, Math.ceil(0.1 * GIB)],
  ['a low level above the high one still ends a little below', 100 * GIB, 10 * GIB, { ...POLICY, low: { usedShare: 0.95 } }, 5.25 * GIB],
  ['a disk without a size has nothing to free', 0, 0, POLICY, 0],
] as const)
  test(sentence, () => assert.equal(bytesToFree({ capacityBytes: capacity, availableBytes: available }, policy), expected))

const known = (
  id: string,
  sizeBytes: number,
  usedMs = -Infinity,
  foundMs = -Infinity,
  more: { names?: string[]; pinned?: boolean } = {},
): KnownImage => ({
  image: { id, names: [`pi/${id}:1`], digests: [], sizeBytes, ...more },
  usedMs,
  foundMs,
})
const idsOf = (images: readonly { readonly id: string }[]): readonly string[] => images.map(({ id }) => id)

test('the image that was used longest ago goes first, and no more than needed', () => {
  const images = [known('new', 10, 300), known('old', 10, 100), known('never', 10), known('middle', 10, 200)]
  assert.deepEqual(idsOf(planRemoval(images, new Set(), 15, 1_000, 0)), ['never', 'old'])
  assert.deepEqual(idsOf(planRemoval(images, new Set(['never']), 15, 1_000, 0)), ['old', 'middle'])
  assert.deepEqual(planRemoval(images, new Set(), 0, 1_000, 0), [])
})

test('young, pinned and local images stay', () => {
  const images = [
    known('young', 10, -Infinity, 950),
    known('pause', 10, -Infinity, -Infinity, { pinned: true }),
    known('mine', 10, -Infinity, -Infinity, { names: ['localhost/mine:1'] }),
    known('other', 10, -Infinity, 100),
  ]
  assert.deepEqual(idsOf(planRemoval(images, new Set(), 1_000, 1_000, 100)), ['other'])
})

test('whatever the images: none that is needed is chosen, the target is reached or nothing is left, and the last one was necessary', () => {
  for (let seed = 1; seed <= 500; seed++) {
    const random = seeded(seed)
    const time = (): number => (random() < 0.2 ? -Infinity : Math.floor(random() * 1_000))
    const images = Array.from({ length: Math.floor(random() * 12) }, (_, index) =>
      known(`i${index}`, Math.floor(random() * 100), time(), time(), {
        ...(random() < 0.1 && { pinned: true }),
        names: random() < 0.1 ? ['localhost/x:1'] : random() < 0.2 ? [] : [`pi/i${index}:1`],
      }),
    )
    const needed = new Set(images.filter(() => random() < 0.4).map(({ image }) => image.id))
    const target = Math.floor(random() * 400)
    const chosen = planRemoval(images, needed, target, 1_000, 200)
    const sum = (some: readonly { readonly sizeBytes: number }[]): number => some.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0)
    const removable = images.filter(
      ({ image, foundMs }) => !needed.has(image.id) && !image.pinned && !image.names.includes('localhost/x:1') && foundMs <= 800,
    )
    assert.ok(
      chosen.every((image) => removable.some((each) => each.image === image)),
      `SEED=${seed}`,
    )
    assert.equal(new Set(chosen).size, chosen.length, `SEED=${seed}`)
    assert.ok(sum(chosen) >= target || chosen.length === removable.length, `SEED=${seed}`)
    assert.ok(chosen.length === 0 || sum(chosen.slice(0, -1)) < target, `SEED=${seed}`)
    const used = chosen.map((image) => images.find((each) => each.image === image)!.usedMs)
    assert.deepEqual(
      used,
      used.toSorted((a, b) => (a === b ? 0 : a - b)),
      `SEED=${seed}`,
    )
  }
})
