import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { must } from '@bramble/provisioning/run'

// Images as their makers publish them, but for the kernel and the system: the boot partition's own files, in small.

const RASPBERRY_CONFIG = `# For more options and information see
# http://rptl.io/configtxt
# Some settings may impact device functionality. See link above for details

# Uncomment some or all of these to enable the optional hardware interfaces
#dtparam=i2c_arm=on
dtparam=audio=on
auto_initramfs=1
arm_64bit=1

[cm4]
otg_mode=1

[cm5]
dtoverlay=dwc2,dr_mode=host

[all]
`
const issue = (date: string): string =>
  `Raspberry Pi reference ${date}\nGenerated using pi-gen, https://github.com/RPi-Distro/pi-gen, 01234567, stage2\n`

export const LAYOUTS = {
  bramble: {
    scheme: 'bramble',
    label: 'BOOTFS',
    files: {
      'bramble/image.json': '{"format":1}\n',
      'cmdline.txt': 'root=PARTUUID=b7a4b1e5-02 rootfstype=ext4 rw rootwait console=tty1 cgroup_enable=memory cgroup_memory=1\n',
      'config.txt': 'arm_64bit=1\n[all]\ndtparam=watchdog=on\n',
    },
  },
  'Raspberry Pi OS 13': {
    scheme: 'cloud-init',
    label: 'bootfs',
    files: {
      'cmdline.txt': 'console=serial0,115200 console=tty1 root=PARTUUID=b7a4b1e5-02 rootfstype=ext4 fsck.repair=yes rootwait resize\n',
      'config.txt': RASPBERRY_CONFIG,
      'issue.txt': issue('2025-12-04'),
      'user-data':
        '#cloud-config\n\n# Refer to https://cloudinit.readthedocs.io for all options\n\n#hostname: raspberrypi\n#enable_ssh: true\n',
      'meta-data': '# This is the meta-data configuration file for cloud-init.\ndsmode: local\ninstance_id: rpios-image\n',
      'network-config': '# This file contains a netplan-compatible configuration\n#network:\n#  version: 2\n',
    },
  },
  'Ubuntu 25.10': {
    scheme: 'cloud-init',
    label: 'system-boot',
    files: {
      'config.txt':
        '[all]\nkernel=vmlinuz\ncmdline=cmdline.txt\ninitramfs initrd.img followkernel\nos_prefix=current/\n\n[tryboot]\nos_prefix=new/\n\n[all]\narm_64bit=1\ndtparam=audio=on\n\n[pi4]\nmax_framebuffers=2\n',
      'current/cmdline.txt':
        'console=serial0,115200 multipath=off dwc_otg.lpm_enable=0 console=tty1 root=LABEL=writable rootfstype=ext4 rootwait fixrtc\n',
      'user-data': `#cloud-config
# This is the user-data configuration file for cloud-init.
ssh_pwauth: false
chpasswd:
  expire: true
  users:
  - name: ubuntu
    password: ubuntu
    type: text
#packages:
#- avahi-daemon
`,
      'meta-data': 'dsmode: local\ninstance_id: cloud-image\n',
      'network-config':
        'network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      optional: true\n    eth1:\n      dhcp4: true\n',
    },
  },
  'Raspberry Pi OS 12': {
    scheme: 'firstrun',
    label: 'bootfs',
    files: {
      'cmdline.txt':
        'console=serial0,115200 console=tty1 root=PARTUUID=b7a4b1e5-02 rootfstype=ext4 fsck.repair=yes rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n',
      'config.txt': RASPBERRY_CONFIG,
      'issue.txt': issue('2024-11-19'),
    },
  },
  Debian: {
    scheme: 'debian',
    label: 'RASPIFIRM',
    files: {
      'cmdline.txt': 'console=tty0 console=ttyS1,115200 root=LABEL=RASPIROOT rw fsck.repair=yes net.ifnames=0 cma=64M rootwait \n',
      'config.txt':
        '# Do not modify this file!\narm_64bit=1\nenable_uart=1\nupstream_kernel=1\nkernel=vmlinuz-6.1.0-18-arm64\ninitramfs initrd.img-6.1.0-18-arm64\n',
      'sysconf.txt': '# This file will be automatically evaluated and installed at next boot\n#root_pw=FOOBAR\n#hostname=rpi\n',
    },
  },
} as const satisfies Readonly<Record<string, ImageParts>>
export type LayoutName = keyof typeof LAYOUTS

export interface ImageParts {
  readonly scheme: string
  readonly label: string
  readonly files: Readonly<Record<string, string>>
}

const MIB = 1 << 20
export const FAT_START = 4 * MIB
/** Small, yet FAT32 has to be FAT32: clusters of one sector. */
export const FAT_BYTES = 40 * MIB
export const EXT4_START = FAT_START + FAT_BYTES
export const EXT4_BYTES = 8 * MIB

/** An image of two partitions, without a mount. Its name is told. */
export async function makeImage(path: string, { label, files }: Pick<ImageParts, 'label' | 'files'>): Promise<string> {
  const work = `${path}.work`
  await mkdir(join(work, 'root/etc'), { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(work, 'boot', name)), { recursive: true })
    await writeFile(join(work, 'boot', name), text)
  }
  await writeFile(join(work, 'root/etc/os-release'), 'ID=debian\n')
  const sectors = (bytes: number): number => bytes / 512
  const table = `label: dos\nlabel-id: 0xb7a4b1e5\nstart=${sectors(FAT_START)}, size=${sectors(FAT_BYTES)}, type=c, bootable\nstart=${sectors(EXT4_START)}, size=${sectors(EXT4_BYTES)}, type=83\n`
  await must('truncate', ['-s', String(EXT4_START + EXT4_BYTES), path])
  await must('sfdisk', ['-q', path], { input: table })
  await must('mkfs.vfat', ['-F', '32', '-s', '1', '-n', label, '--offset', String(sectors(FAT_START)), path, String(FAT_BYTES / 1024)])
  await must('sh', ['-c', 'mcopy -s -i "$1" "$2"/* ::', 'sh', `${path}@@${FAT_START}`, join(work, 'boot')])
  await must('mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-L',
    'rootfs',
    '-d',
    join(work, 'root'),
    '-E',
    `offset=${EXT4_START}`,
    path,
    `${EXT4_BYTES / 1024}k`,
  ])
  await rm(work, { recursive: true })
  return path
}

/** What a tool that is not ours reads from the boot partition; undefined when it has no such file. */
export async function onCard(image: string, path: string): Promise<string | undefined> {
  const text = await must('mtype', ['-i', `${image}@@${FAT_START}`, `::${path}`]).catch(() => undefined)
  return text
}

/** Names in a folder of the boot partition. */
export async function folderOnCard(image: string, folder: string): Promise<readonly string[]> {
  const text = await must('mdir', ['-b', '-i', `${image}@@${FAT_START}`, `::${folder}`])
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^::\//, ''))
}
