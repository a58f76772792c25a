import { createHash } from 'node:crypto'

export const ARCHES = ['arm64', 'x64'] as const
export const RUNTIMES = ['podman', 'containerd'] as const
export const SUITES = ['bookworm', 'trixie'] as const

/** What the Debian part of an image is made of. */
export interface BaseRecipe {
  readonly arch: (typeof ARCHES)[number]
  readonly runtime: (typeof RUNTIMES)[number]
  readonly suite: (typeof SUITES)[number]
}

/** As dpkg calls it. */
export const DEBIAN_ARCH = { arm64: 'arm64', x64: 'amd64' } as const

const COMMON = {
  'systemd-sysv': 'the first process',
  udev: 'devices',
  dbus: 'what systemd speaks',
  'libpam-systemd': 'sessions of people',
  'systemd-timesyncd': 'the clock, once there is a network, and the last time known until then',
  'systemd-resolved': 'names, also .local',
  'systemd-zram-generator': 'swap in memory: none on the card',
  kmod: 'modules',
  'openssh-server': 'a way in for people with a key',
  sudo: 'for them',
  'ca-certificates': 'pulls from registries',
  iproute2: 'routes and network namespaces',
  'iputils-ping': 'the first question of everybody',
  iptables: 'routes Services',
  nftables: 'shows their rules',
  conntrack: 'drops stale UDP flows',
  procps: 'sysctl, ps',
  'containernetworking-plugins': 'plugs pods into the network',
  'initramfs-tools': 'finds the root',
  zstd: 'compresses what it needs for that',
  fdisk: 'sfdisk: the root grows to the card',
  e2fsprogs: 'the same for its file system',
  dosfstools: 'checks the boot partition',
  'libstdc++6': 'Node.js is linked with it',
  tzdata: 'time zones',
} as const

const OF_RUNTIME = {
  podman: { podman: 'runs the containers', crun: 'starts them' },
  containerd: { containerd: 'runs the containers', runc: 'starts them' },
} as const

const OF_ARCH = {
  arm64: {
    'linux-image-arm64': 'the kernel',
    'raspi-firmware': 'what a Raspberry Pi starts with; copies each new kernel beside it',
    'firmware-brcm80211': 'Wi-Fi of Raspberry Pis',
    wpasupplicant: 'Wi-Fi',
    'wireless-regdb': 'what is allowed where',
    iw: 'says what Wi-Fi sees',
  },
  x64: { 'linux-image-amd64': 'the kernel' },
} as const

/** Debian packages of an image, sorted; nothing that only recommends itself comes with them. Pure. */
export const packagesOf = ({ arch, runtime }: BaseRecipe): readonly string[] =>
  Object.keys({ ...COMMON, ...OF_RUNTIME[runtime], ...OF_ARCH[arch] }).sort()

/** What the initramfs needs to find the root; all other modules are loaded from there. */
const MODULES = {
  arm64:
    'ext4 virtio_blk virtio_pci virtio_mmio mmc_block sdhci_iproc sdhci_brcmstb sdhci_of_dwcmshc bcm2835 bcm2835_dma i2c_bcm2835 raspberrypi_hwmon reset_raspberrypi pcie_brcmstb phy_generic xhci_pci usb_storage uas nvme broadcom bcm_phy_lib clk_raspberrypi gpio_raspberrypi_exp',
  x64: 'ext4 virtio_blk virtio_pci virtio_scsi sd_mod ahci ata_piix nvme mmc_block sdhci_pci sdhci_acpi xhci_pci ehci_pci usb_storage uas',
} as const

/** Modules of machines that are no node: half of a kernel's size. What dpkg is told stays in the image, so an update brings none back. */
const LEFT_OUT = [
  'drivers/gpu/drm/{amd,i915,nouveau,radeon,msm,xe,vmwgfx,mediatek,rockchip,tegra,etnaviv}',
  'drivers/infiniband',
  'drivers/isdn',
  'drivers/scsi/{lpfc,qla2xxx,qla4xxx,bfa,aic7xxx,aic94xx,be2iscsi,bnx2fc,bnx2i,csiostor,cxgbi,elx,fnic,megaraid,mpi3mr,mpt3sas,qedf,qedi,smartpqi}',
  'drivers/net/ethernet/{chelsio,mellanox,qlogic,broadcom/bnx2x,cavium,cisco,emulex,hisilicon,netronome,sfc,sun}',
  'fs/{ocfs2,gfs2,jfs,reiserfs,afs,coda,orangefs,ubifs}',
] as const

const expand = (pattern: string): readonly string[] => {
  const [, before, choices, after] = /^(.*)\{(.*)\}(.*)$/.exec(pattern) ?? []
  return choices === undefined ? [pattern] : choices.split(',').map((choice) => `${before}${choice}${after}`)
}

const DPKG_OPTIONS = [
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
  ...LEFT_OUT.flatMap(expand).flatMap((path) => [
    `path-exclude=/lib/modules/*/kernel/${path}/*`,
    `path-exclude=/usr/lib/modules/*/kernel/${path}/*`,
  ]),
]

/**
 * Arguments of mmdebstrap for the Debian part of an image. Pure. Hooks get the tree as `$1`.
 *
 * @param target Archive to be written. @param sources Lines as in sources.list. @param aptOptions Of this machine, such as its proxy.
 */
export function mmdebstrapArgs(
  recipe: BaseRecipe,
  target: string,
  sources: readonly string[],
  aptOptions: readonly string[] = [],
): readonly string[] {
  const modules = MODULES[recipe.arch].split(' ').join('\\n')
  return [
    '--quiet',
    '--mode=root',
    '--format=tar',
    `--architectures=${DEBIAN_ARCH[recipe.arch]}`,
    '--variant=minbase',
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    ...aptOptions.map((option) => `--aptopt=${option}`),
    ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option}`),
    '--dpkgopt=force-unsafe-io',
    '--essential-hook=mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/boot/firmware"',
    `--essential-hook=printf '${modules}\\n' > "$1/etc/initramfs-tools/modules"`,
    `--essential-hook=printf 'MODULES=list\\nCOMPRESS=zstd\\n' > "$1/etc/initramfs-tools/conf.d/bramble"`,
    `--include=${packagesOf(recipe).join(',')}`,
    recipe.suite,
    target,
    ...sources,
  ]
}

/** Names what a base tree is made from: another key, another tree. @param state Of the archives: checksums of what they say of themselves. */
export const baseKey = (recipe: BaseRecipe, state: readonly string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([mmdebstrapArgs(recipe, '', []), state]))
    .digest('hex')
    .slice(0, 16)
