import { type Drive, judged } from './drive.ts'

/** Of `lsblk --json --bytes --output …`; old versions write numbers and truths as text, and know one mount point. */
interface Block {
  readonly path?: string
  readonly name: string
  readonly type: string
  readonly size: number | string | null
  readonly rm?: boolean | string | null
  readonly hotplug?: boolean | string | null
  readonly ro?: boolean | string | null
  readonly tran?: string | null
  readonly vendor?: string | null
  readonly model?: string | null
  readonly fstype?: string | null
  readonly mountpoint?: string | null
  readonly mountpoints?: readonly (string | null)[]
  readonly children?: readonly Block[]
}

/** `mountpoints` is unknown before util-linux 2.37. */
export const lsblkColumns = (mounts: 'mountpoints' | 'mountpoint'): string =>
  `path,name,type,size,rm,hotplug,ro,tran,vendor,model,fstype,${mounts}`

const MEMBERS: Readonly<Record<string, string>> = {
  LVM2_member: 'LVM',
  linux_raid_member: 'a RAID',
  crypto_LUKS: 'an encrypted volume',
  zfs_member: 'ZFS',
  bcache: 'bcache',
  ddf_raid_member: 'a RAID',
  isw_raid_member: 'a RAID',
  crypt: 'an encrypted volume',
  lvm: 'LVM',
  mpath: 'a multipath device',
}

/** Whole disks, and loop devices with a file behind them. @throws SyntaxError when this is no JSON. */
export const drivesOfLsblk = (json: string): readonly Drive[] =>
  (JSON.parse(json) as { readonly blockdevices: readonly Block[] }).blockdevices
    .filter(({ type, name, size }) => (type === 'disk' && !/^(zram|ram|nbd|fd)\d/.test(name)) || (type === 'loop' && Number(size) > 0))
    .map((block) => {
      const all = withChildren(block)
      const isCard = /^mmcblk\d+$/.test(block.name) // many readers call theirs fixed
      const isRemovable = block.type === 'loop' || isTrue(block.rm) || isTrue(block.hotplug) || block.tran === 'usb' || isCard
      return judged({
        path: block.path ?? `/dev/${block.name}`,
        model:
          block.type === 'loop'
            ? 'loop device'
            : [block.vendor, block.model]
                .map((text) => text?.trim())
                .filter(Boolean)
                .join(' ') || (isCard ? 'card' : ''),
        sizeBytes: Number(block.size ?? 0),
        isRemovable,
        isReadOnly: isTrue(block.ro),
        mounts: all
          .flatMap(({ mountpoint, mountpoints }) => [...(mountpoints ?? []), mountpoint ?? null])
          .filter((mount) => mount !== null),
        isSystem: false,
        holds: [
          ...new Set(
            all.flatMap(({ type, fstype }) => [MEMBERS[type] ?? (/^(raid|md)/.test(type) ? 'a RAID' : undefined), MEMBERS[fstype ?? '']]),
          ),
        ].filter((what) => what !== undefined),
      })
    })

/** The whole disk that a partition, or anything else made of it, belongs to. */
export function wholeDiskOf(json: string, path: string): string | undefined {
  const { blockdevices } = JSON.parse(json) as { readonly blockdevices: readonly Block[] }
  const whole = blockdevices.find((block) => withChildren(block).some((each) => (each.path ?? `/dev/${each.name}`) === path))
  return whole && (whole.path ?? `/dev/${whole.name}`)
}

const withChildren = (block: Block): readonly Block[] => [block, ...(block.children ?? []).flatMap(withChildren)]

const isTrue = (value: boolean | string | null | undefined): boolean => value === true || value === '1'
