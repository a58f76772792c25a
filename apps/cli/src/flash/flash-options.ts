import type { Command } from 'commander'

/** Flags of `bramble flash`, as they were typed. */
export interface FlashOptions {
  readonly image?: string
  readonly sha256?: string
  readonly device?: string
  readonly output?: string
  readonly listDrives: boolean
  readonly yes: boolean
  readonly eject: boolean
  readonly hostname?: string
  readonly serial?: string
  readonly count?: string
  readonly from?: string
  readonly user?: string
  readonly sshKey?: readonly string[]
  readonly wifi?: string
  readonly wifiPassphraseFile?: string
  readonly wifiHidden?: boolean
  readonly wifiOpen?: boolean
  readonly country?: string
  readonly timezone?: string
  readonly staticIp?: string
  readonly gateway?: string
  readonly dns?: readonly string[]
  readonly server?: string
  readonly streamPort?: string
  readonly label?: readonly string[]
  readonly taint?: readonly string[]
  readonly runtime?: string
  readonly metered?: boolean
  /** False: --no-bundle. */
  readonly bundle?: string | false
  readonly preload?: readonly string[]
  readonly tokenTtl: string
  readonly tokenFile?: string
  readonly kubeconfig?: string
}

export const addFlashOptions = (command: Command): Command =>
  command
    .option('--image <FILE|URL>', 'system to write: .img, .img.xz, .img.zst or .img.gz')
    .option('--sha256 <HEX>', 'checksum of the image, packed or unpacked (default: the .sha256 beside it)')
    .option('--device <PATH>', 'card to write to, such as /dev/sdb; --list-drives shows which there are')
    .option('--output <FILE>', 'write an image file instead of a card; {n} and {hostname} stand for those of each card')
    .option('--list-drives', 'show the drives of this machine, and why one is refused', false)
    .option('--yes', 'do not ask before erasing the card, or replacing the file', false)
    .option('--no-eject', 'leave the card in the system')
    .option('--hostname <NAME>', 'name of the Pi, such as pi-1, or pi-{n} for several (default: from its serial number)')
    .option('--serial <HEX>', 'only the Pi with this serial number may join with this card')
    .option('--count <N>', 'how many cards, one after the other')
    .option('--from <FILE>', 'a line for each card: CSV whose first line names options, such as hostname,static-ip,label')
    .option('--user <NAME>', 'who may log in and become root (default: bramble); there is no password')
    .option('--ssh-key <FILE|KEY>', 'public key of who may log in; may be repeated', each)
    .option('--wifi <SSID>', 'Wi-Fi to join; the passphrase is asked for, or BRAMBLE_WIFI_PASSPHRASE, or:')
    .option('--wifi-passphrase-file <FILE>', 'file whose first line is the passphrase')
    .option('--wifi-hidden', 'the Wi-Fi does not tell its name')
    .option('--wifi-open', 'the Wi-Fi has no passphrase')
    .option('--country <CODE>', 'where the Pi is, such as DE or GB: its radio stays off without')
    .option('--timezone <ZONE>', 'such as Europe/Berlin')
    .option(
      '--static-ip <ADDRESS/PREFIX>',
      'fixed IPv4 address, such as 192.168.1.20/24, of the Wi-Fi if there is one, else of the Ethernet',
    )
    .option('--gateway <ADDRESS>', 'its router')
    .option('--dns <ADDRESS>', 'its name server; may be repeated', each)
    .option('--server <URL>', 'control plane as the Pi sees it, such as https://192.168.1.10:6443 (default: that of the kubeconfig)')
    .option('--stream-port <PORT>', 'TCP port of enrolment on the control plane (default: 8444)')
    .option('--label <KEY=VALUE>', 'label of the node; may be repeated', each)
    .option('--taint <KEY=VALUE:EFFECT>', 'taint of the node; may be repeated', each)
    .option('--runtime <NAME>', 'what runs the containers: auto, podman or containerd (default: auto)')
    .option('--metered', 'the Pi’s network costs by the byte')
    .option(
      '--bundle <FILE>',
      'release for the Pi, bramble-…-linux-arm64.tar.zst (default: of this version, made here or from the control plane)',
    )
    .option('--no-bundle', 'put none on the card: the image has one inside')
    .option('--preload <FILE>', 'archive of container images that the Pi shall have without a network; may be repeated', each)
    .option('--token-ttl <DURATION>', 'how long the card is good for joining: 30m, 24h, 7d', '24h')
    .option('--token-file <FILE>', 'join tokens made elsewhere, a line for each card, instead of new ones')
    .option('--kubeconfig <FILE>', 'of the control plane, when it runs on another machine: what "bramble kubeconfig" prints there')

const each = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]
