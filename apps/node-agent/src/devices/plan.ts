import { DEVICE_DOMAIN } from './device-class.ts'

/** A file of a device. */
export interface DeviceFile {
  readonly hostPath: string
  readonly containerPath: string
  /** `major:minor`. */
  readonly number: string
  readonly groupId: number
  /** Permission bits, as chmod has them. */
  readonly mode: number
}

/** A device of a class. It stays the same one when it is unplugged and comes back. */
export interface Device {
  readonly className: string
  /** Stable: the path by which it was configured or found, or vendor, product and serial number. */
  readonly id: string
  readonly permissions: string
  readonly sharedBy: number
  /** Empty while it is not there. */
  readonly files: readonly DeviceFile[]
}

/** Which devices a container has: ids by class, one entry for each time it has it. */
export type Held = Readonly<Record<string, readonly string[]>>

/** By pod uid, then by container. */
export type Holders = ReadonlyMap<string, ReadonlyMap<string, Held>>

/** What a node reports of one class. */
export interface DeviceCount {
  readonly capacity: number
  /** Of devices that are there. */
  readonly allocatable: number
}

/** How many containers can have a device of each class, by resource name. Classes that have none count as well. */
export function deviceCounts(classNames: readonly string[], devices: readonly Device[]): Readonly<Record<string, DeviceCount>> {
  const sum = (some: readonly Device[]): number => some.reduce((count, { sharedBy }) => count + sharedBy, 0)
  return Object.fromEntries(
    [...new Set(classNames)].sort().map((name) => {
      const ofClass = devices.filter(({ className }) => className === name)
      return [`${DEVICE_DOMAIN}${name}`, { capacity: sum(ofClass), allocatable: sum(ofClass.filter(isThere)) }]
    }),
  )
}

/** How many of each class a container asks for; of its limits, as Kubernetes has it for such resources. */
export function devicesWanted(limits: Readonly<Record<string, string | number>> = {}): ReadonlyMap<string, number> {
  return new Map(
    Object.entries(limits)
      .filter(([name, amount]) => name.startsWith(DEVICE_DOMAIN) && Number(amount) > 0)
      .map(([name, amount]) => [name.slice(DEVICE_DOMAIN.length), Number(amount)]),
  )
}

export interface Asking {
  readonly podUid: string
  readonly container: string
  readonly wanted: ReadonlyMap<string, number>
  /** Init containers of the pod that are over by the time this one runs: it may have theirs. */
  readonly successorOf: readonly string[]
}

export type Allocation = { readonly held: Held } | { readonly refusal: string }

/**
 * Devices for a container: those that it had, then those of init containers before it, then free ones, in the order in which they
 * were found. Pure.
 *
 * @see Source: kubelet devicemanager devicesToAllocate.
 */
export function allocate(devices: readonly Device[], holders: Holders, asking: Asking): Allocation {
  const { podUid, container, wanted, successorOf } = asking
  const ofPod = holders.get(podUid)
  const held: Record<string, readonly string[]> = {}
  for (const [className, count] of wanted) {
    const ofClass = devices.filter((device) => device.className === className)
    const before = ofPod?.get(container)?.[className] ?? []
    if (before.length === count) {
      const lost = before.find((id) => !ofClass.some((device) => device.id === id && isThere(device)))
      if (lost !== undefined)
        return {
          refusal: `previously allocated devices are no longer healthy; cannot allocate unhealthy device ${lost} of ${DEVICE_DOMAIN}${className}`,
        }
      held[className] = before
      continue
    }
    const reusable = successorOf.flatMap((init) => ofPod?.get(init)?.[className] ?? [])
    const free = ofClass.filter(isThere).flatMap((device) => {
      const taken = takenOf(holders, className, device.id) - reusable.filter((id) => id === device.id).length
      return Array.from({ length: Math.max(0, device.sharedBy - taken) }, () => device.id)
    })
    const chosen = preferred(free, reusable).slice(0, count)
    if (chosen.length < count)
      return {
        refusal: `Allocate failed due to requested number of devices unavailable for ${DEVICE_DOMAIN}${className}. Requested: ${count}, Available: ${free.length}, which is unexpected`,
      }
    held[className] = chosen
  }
  return { held }
}

/** Different devices before one of them twice: who asks for two wants two. */
function preferred(free: readonly string[], reusable: readonly string[]): readonly string[] {
  const turns = new Map<string, number>()
  const ranked = free.map((id) => {
    const turn = turns.get(id) ?? 0
    turns.set(id, turn + 1)
    return { id, turn, isReused: reusable.includes(id) }
  })
  return ranked.sort((a, b) => a.turn - b.turn || Number(b.isReused) - Number(a.isReused)).map(({ id }) => id)
}

function takenOf(holders: Holders, className: string, id: string): number {
  let taken = 0
  for (const containers of holders.values())
    for (const held of containers.values()) taken += (held[className] ?? []).filter((each) => each === id).length
  return taken
}

export const isThere = ({ files }: Device): boolean => files.length > 0

const GROUP_READS = 0o040
const GROUP_WRITES = 0o020
const OTHERS_SHIFT = 3

/** Groups without which only root could open the files; never root's own. Those of files that are for everybody are left out. */
export function groupsFor(files: readonly DeviceFile[], permissions: string): readonly number[] {
  const needed = (permissions.includes('r') ? GROUP_READS : 0) | (permissions.includes('w') ? GROUP_WRITES : 0)
  const open = files.filter(({ mode }) => ((mode << OTHERS_SHIFT) & needed) !== needed)
  return [...new Set(open.filter(({ mode, groupId }) => groupId !== 0 && (mode & needed) !== 0).map(({ groupId }) => groupId))].sort(
    (a, b) => a - b,
  )
}

/** Files that nobody but root can open, whatever groups they have. */
export function closedFiles(files: readonly DeviceFile[], permissions: string): readonly DeviceFile[] {
  const needed = (permissions.includes('r') ? GROUP_READS : 0) | (permissions.includes('w') ? GROUP_WRITES : 0)
  return files.filter(({ mode, groupId }) => ((mode << OTHERS_SHIFT) & needed) !== needed && ((mode & needed) !== needed || groupId === 0))
}
