import type { ContainerResources } from '../runtime.ts'

/** The newest of many. */
export const note = (notes: string[], text: string): void => void (notes.push(text) > 1_000 && notes.shift())

/** `cpu=250m cpuLimit=500m memory=64Mi`. */
export const shown = ({ cpuRequestMillis: cpu, cpuLimitMillis: cpuLimit, memoryLimitBytes: memory }: ContainerResources): string =>
  [
    cpu !== undefined && `cpu=${cpu}m`,
    cpuLimit !== undefined && `cpuLimit=${cpuLimit}m`,
    memory !== undefined && `memory=${memory / 2 ** 20}Mi`,
  ]
    .filter((text) => text !== false)
    .join(' ')
