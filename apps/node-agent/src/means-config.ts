import { type Setting, SettingsError, type SettingValues } from '@bramble/reconcile/settings'
import { DEVICE_PATTERN } from './devices/device-class.ts'
import { diskLevel } from './pods/images/plan.ts'
import { isNamespacedSysctl } from './pods/security/sysctls.ts'

const LEVEL = {
  kind: 'text',
  value: 'LEVEL',
  pattern: /^(\d{1,2}%|100%|\d+(Ki|Mi|Gi|Ti)?)$/,
  rule: 'must be a share such as 85% or bytes such as 2Gi',
} as const

/** What an operator may set about images, devices and rights of pods. */
export const MEANS_SETTINGS: readonly Setting[] = [
  {
    name: 'image-dir',
    kind: 'text',
    value: 'PATH',
    default: '/var/lib/bramble/images',
    pattern: /^\//,
    rule: 'must be an absolute path',
    description: 'folder of image archives (.tar, .tar.gz …), loaded when they appear, for sites without a registry',
  },
  {
    ...LEVEL,
    name: 'image-gc-high',
    default: '85%',
    description: 'unused images are removed when more than this share of their disk is used, or when fewer bytes are free',
  },
  { ...LEVEL, name: 'image-gc-low', default: '80%', description: 'until this share is used, or so many bytes are free' },
  {
    name: 'image-pulls',
    kind: 'integer',
    value: 'COUNT',
    min: 1,
    max: 16,
    description: 'number of images that are pulled at the same time (default: 2, below 1 GiB of memory 1)',
  },
  {
    name: 'image-pull-stall',
    kind: 'seconds',
    value: 'SECONDS',
    default: 180,
    min: 10,
    max: 3600,
    description: 'a registry that sends nothing for so long, in seconds, is given up',
  },
  {
    name: 'device',
    kind: 'list',
    value: 'NAME=PATHS',
    default: [],
    pattern: DEVICE_PATTERN,
    rule: 'must be name=/dev/…[,/dev/…][:rw] or name=usb:vendor:product',
    description: 'device that pods may ask for as bramble.dev/NAME; may be repeated; more is said in PATH/devices.yaml of --data-dir',
  },
  {
    name: 'seccomp-default',
    kind: 'text',
    value: 'PROFILE',
    default: 'RuntimeDefault',
    pattern: /^(RuntimeDefault|Unconfined)$/,
    rule: 'must be RuntimeDefault or Unconfined',
    description: 'system call filter of pods that name none',
  },
  {
    name: 'allowed-unsafe-sysctls',
    kind: 'list',
    value: 'NAME',
    default: [],
    pattern: /^[a-z0-9_]+([./][a-z0-9_-]+)*[./]?\*?$/,
    rule: 'must be a name such as net.core.somaxconn, or end in *',
    description: 'settings of the kernel that pods may change besides the safe ones; may be repeated',
  },
  {
    name: 'pod-pids-limit',
    kind: 'integer',
    value: 'COUNT',
    default: 2048,
    min: 0,
    max: 4_194_304,
    description: 'number of processes and threads that a pod may have; 0: no limit',
  },
]

export interface MeansConfig {
  readonly imageDirectory: string
  readonly imageHigh: string
  readonly imageLow: string
  readonly imagePulls: number | undefined
  readonly imagePullStallSeconds: number
  readonly devices: readonly string[]
  readonly seccompDefault: string
  readonly unsafeSysctls: readonly string[]
  readonly podPidsLimit: number
}

/** @throws SettingsError */
export function meansConfig(values: SettingValues): MeansConfig {
  const unsafeSysctls = values['allowed-unsafe-sysctls'] as readonly string[]
  const ofMachine = unsafeSysctls.find((name) => !isNamespacedSysctl(name))
  if (ofMachine !== undefined) throw new SettingsError(`allowed-unsafe-sysctls: "${ofMachine}" belongs to the machine, not to a pod`)
  const [imageHigh, imageLow] = [values['image-gc-high'] as string, values['image-gc-low'] as string]
  const [high, low] = [diskLevel(imageHigh), diskLevel(imageLow)]
  if (high && low && 'usedShare' in high && 'usedShare' in low && low.usedShare >= high.usedShare)
    throw new SettingsError(`image-gc-low: ${imageLow} must be less than image-gc-high, ${imageHigh}`)
  return {
    imageDirectory: values['image-dir'] as string,
    imageHigh,
    imageLow,
    imagePulls: values['image-pulls'] as number | undefined,
    imagePullStallSeconds: values['image-pull-stall'] as number,
    devices: values['device'] as readonly string[],
    seccompDefault: values['seccomp-default'] as string,
    unsafeSysctls,
    podPidsLimit: values['pod-pids-limit'] as number,
  }
}
