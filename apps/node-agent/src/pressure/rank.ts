// Pure: which pod goes first. Source: kubelet eviction rankMemoryPressure, rankDiskPressureFunc, rankPIDPressure.
import { memoryBytes } from '@bramble/api/quantity'
import type { Pod } from '@bramble/api/types/pod'
import { podRequests } from '../pods/resources.ts'
import { type PodDiskUse, type PodUse, volumeBytes } from './pod-use.ts'
import type { Signal } from './signals.ts'

type Order = (a: PodUse, b: PodUse) => number

/** @param imagesApart Images and containers' layers are on a disk of their own. */
export function rankPods(signal: Signal, uses: readonly PodUse[], imagesApart: boolean): readonly PodUse[] {
  return [...uses].sort(orderOf(signal, imagesApart))
}

function orderOf(signal: Signal, imagesApart: boolean): Order {
  switch (signal) {
    case 'memory.available':
    case 'allocatableMemory.available':
      return inTurn(exceeds(memoryOf, requestedMemory), byPriority, byExcess(memoryOf, requestedMemory))
    case 'pid.available':
      return inTurn(
        byPriority,
        byExcess(
          ({ tasks }) => tasks,
          () => 0,
        ),
      )
    case 'nodefs.available':
    case 'imagefs.available': {
      const measure = diskMeasure(signal, imagesApart)
      return inTurn(exceeds(measure, requestedDisk), byPriority, byExcess(measure, requestedDisk))
    }
    case 'nodefs.inodesFree':
    case 'imagefs.inodesFree': {
      const measure = inodeMeasure(signal, imagesApart)
      return inTurn(
        exceeds(measure, () => 0),
        byPriority,
        byExcess(measure, () => 0),
      ) // nobody can ask for inodes
    }
  }
}

type Measure = (use: PodUse) => number | undefined

const memoryOf: Measure = ({ memoryBytes: bytes }) => bytes
const requestedMemory = ({ pod }: PodUse): number => podRequests(pod).memoryBytes
const requestedDisk = ({ pod }: PodUse): number => ephemeralRequest(pod)

/** Of all containers that run together; of init containers the largest counts, when it is more. */
export const ephemeralRequest = ({ spec }: Pod): number => {
  const asked = (container: { resources?: { requests?: Readonly<Record<string, string | number | undefined>> } }): number =>
    memoryBytes(container.resources?.requests?.['ephemeral-storage'])
  const together = spec.containers.reduce((sum, container) => sum + asked(container), 0)
  return Math.max(together, ...(spec.initContainers ?? []).map(asked))
}

/** The disk of images holds what containers write; volumes and logs are on the node's. */
const diskMeasure =
  (signal: Signal, imagesApart: boolean): Measure =>
  ({ disk }) =>
    disk && (onNode(signal, imagesApart) ? volumeBytes(disk) + disk.logBytes : 0) + (onImages(signal, imagesApart) ? disk.layerBytes : 0)

const inodeMeasure =
  (signal: Signal, imagesApart: boolean): Measure =>
  ({ disk }) =>
    disk && (onNode(signal, imagesApart) ? volumeInodes(disk) : 0) + (onImages(signal, imagesApart) ? disk.layerInodes : 0)

const onNode = (signal: Signal, imagesApart: boolean): boolean => !imagesApart || signal.startsWith('nodefs')
const onImages = (signal: Signal, imagesApart: boolean): boolean => !imagesApart || signal.startsWith('imagefs')

const volumeInodes = ({ volumes }: PodDiskUse): number => volumes.reduce((sum, { inMemory, inodes }) => sum + (inMemory ? 0 : inodes), 0)

/** Those that use more than they asked for go first, and those of which nothing is known before them. */
const exceeds =
  (measure: Measure, requested: (use: PodUse) => number): Order =>
  (a, b) => {
    const [isOverA, isOverB] = [a, b].map((use) => measure(use) === undefined || measure(use)! > requested(use))
    return Number(isOverB) - Number(isOverA)
  }

const byPriority: Order = (a, b) => (a.pod.spec.priority ?? 0) - (b.pod.spec.priority ?? 0)

const byExcess =
  (measure: Measure, requested: (use: PodUse) => number): Order =>
  (a, b) => {
    const [excessA, excessB] = [a, b].map((use) => (measure(use) === undefined ? Infinity : measure(use)! - requested(use)))
    return excessA === excessB ? 0 : excessB! > excessA! ? 1 : -1
  }

/** Equal in all: by name, so that the same is planned again. */
const inTurn =
  (...orders: readonly Order[]): Order =>
  (a, b) => {
    for (const order of orders) {
      const sign = order(a, b)
      if (sign !== 0) return sign
    }
    return a.pod.metadata.uid < b.pod.metadata.uid ? -1 : 1
  }
