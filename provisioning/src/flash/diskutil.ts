import { type Drive, judged } from './drive.ts'
import { type PlistValue, parsePlist } from './plist.ts'

type Dict = { readonly [key: string]: PlistValue }

/** Names such as disk4 of the whole disks in `diskutil list -plist`. */
export const wholeDisks = (list: string): readonly string[] => strings(dict(parsePlist(list))['WholeDisks'])

/** Disks out of `diskutil list -plist` and, for each whole disk, `diskutil info -plist`. Those made of others are left out. */
export function drivesOfDiskutil(list: string, infos: readonly string[]): readonly Drive[] {
  const all = dicts(dict(parsePlist(list))['AllDisksAndPartitions'])
  return infos
    .map((info) => dict(parsePlist(info)))
    .filter((info) => info['VirtualOrPhysical'] !== 'Virtual')
    .map((info) => {
      const name = String(info['DeviceIdentifier'])
      const own = all.filter((each) => each['DeviceIdentifier'] === name)
      const made = all.filter((each) =>
        dicts(each['APFSPhysicalStores']).some((store) => isPartOf(String(store['DeviceIdentifier']), name)),
      )
      const mounts = [...own, ...made]
        .flatMap((each) => [each, ...dicts(each['Partitions']), ...dicts(each['APFSVolumes'])])
        .flatMap(mountsOf)
      const isInternal = info['Internal'] === true
      return judged({
        path: `/dev/${name}`,
        model: String(info['MediaName'] ?? info['IORegistryEntryName'] ?? ''),
        sizeBytes: Number(info['TotalSize'] ?? info['Size'] ?? 0),
        isRemovable: !isInternal || info['RemovableMedia'] === true || info['BusProtocol'] === 'Secure Digital',
        isReadOnly: info['WritableMedia'] === false,
        mounts,
        isSystem: info['SystemImage'] === true || (isInternal && made.length > 0),
        holds: own.some((each) => dicts(each['Partitions']).some(({ Content }) => Content === 'Apple_CoreStorage')) ? ['CoreStorage'] : [],
      })
    })
}

/** disk4s1 is of disk4, not of disk41. */
const isPartOf = (part: string, whole: string): boolean => part === whole || part.startsWith(`${whole}s`)

const mountsOf = (entry: Dict): readonly string[] =>
  typeof entry['MountPoint'] === 'string' && entry['MountPoint'] !== '' ? [entry['MountPoint']] : []

const dict = (value: PlistValue | undefined): Dict => (typeof value === 'object' && !Array.isArray(value) ? (value as Dict) : {})
const dicts = (value: PlistValue | undefined): readonly Dict[] => (Array.isArray(value) ? value.map(dict) : [])
const strings = (value: PlistValue | undefined): readonly string[] => (Array.isArray(value) ? value.map(String) : [])
