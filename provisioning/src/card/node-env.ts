import type { Card } from './card.ts'

export interface BundleOnCard {
  readonly file: string
  readonly sha256: string
}

/**
 * `bramble/node.env`: what the first boot reads. Lines KEY='value'; nobody executes it.
 *
 * Values never hold a quote: what could (the name of a network) is hex, the rest was checked. Keys with nothing to say are left out,
 * but HOSTNAME, whose emptiness means "from the serial".
 */
export function renderNodeEnv(card: Card, bundle: BundleOnCard | undefined): string {
  const { wifi, staticAddress } = card
  const lines: readonly (readonly [string, string | undefined])[] = [
    ['FORMAT', '1'],
    ['HOSTNAME', card.hostname ?? ''],
    ['USER', card.user],
    ...card.sshKeys.map((key) => ['SSH_KEY', key] as const),
    ['TIMEZONE', card.timezone],
    ['WIFI_SSID_HEX', wifi && Buffer.from(wifi.ssid).toString('hex')],
    ['WIFI_PSK_HEX', wifi?.pskHex],
    ['WIFI_COUNTRY', card.country],
    ['WIFI_HIDDEN', wifi?.isHidden ? '1' : undefined],
    ['ADDRESS', staticAddress?.address],
    ['GATEWAY', staticAddress?.gateway],
    ['DNS', staticAddress?.dns.join(',')],
    ['SERVER', card.server],
    ['STREAM_PORT', String(card.streamPort)],
    ['TOKEN', card.token],
    ['LABELS', card.labels.join(',')],
    ['TAINTS', card.taints.join(',')],
    ['RUNTIME', card.runtime],
    ['METERED', card.metered ? '1' : undefined],
    ['BUNDLE', bundle?.file],
    ['BUNDLE_SHA256', bundle?.sha256],
  ]
  return lines
    .filter(([key, value]) => value !== undefined && (value !== '' || key === 'HOSTNAME'))
    .map(([key, value]) => {
      if (/['\r\n]/.test(value!)) throw new Error(`${key} holds a quote or a line end`)
      return `${key}='${value}'\n`
    })
    .join('')
}
