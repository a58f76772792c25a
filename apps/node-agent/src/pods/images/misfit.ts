import type { ImageState } from '../../runtime/runtime.ts'

/** What else a processor runs. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] }

/**
 * Why an image cannot run on a machine; undefined when it can, or when nobody can tell.
 * @param architecture As Go calls it: `amd64`, `arm64`.
 * @param isEmulated Whether the kernel has an emulator for an architecture.
 */
export function misfitOf(
  { platform }: ImageState,
  architecture: string,
  isEmulated: (architecture: string) => boolean,
): string | undefined {
  const [system, wanted] = (platform ?? '').split('/')
  if (!system || !wanted) return undefined
  if (system === 'linux' && (wanted === architecture || ALSO_RUNS[architecture]?.includes(wanted) || isEmulated(wanted))) return undefined
  return `is for ${platform}, this node is linux/${architecture}`
}

const NAMES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' }
/** As Go calls it. @param name As Node does. */
export const goArchitecture = (name: string = process.arch): string => NAMES[name] ?? name

const EMULATORS: Readonly<Record<string, string>> = { amd64: 'x86_64', '386': 'i386', arm64: 'aarch64' }
/** Where the kernel shows an emulator for an architecture. @see Source: Linux "Kernel Support for miscellaneous Binary Formats". */
export const emulatorPath = (architecture: string): string => `/proc/sys/fs/binfmt_misc/qemu-${EMULATORS[architecture] ?? architecture}`
