import type { Card } from './card.ts'

export const AN_SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMmTCEwrkyF5fO6CgJ1Dqze1vHOI1ZPkGbiVg0kSIfZp anna'
export const A_PSK = 'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e'

/** A card with everything on it that can be asked for, unless told. */
export const aCard = (over: Partial<Card> = {}): Card => ({
  hostname: 'pi-1',
  serial: undefined,
  user: 'bramble',
  sshKeys: [AN_SSH_KEY],
  wifi: { ssid: 'IEEE', pskHex: A_PSK, isHidden: false },
  country: 'DE',
  timezone: 'Europe/Berlin',
  staticAddress: { address: '192.168.1.20/24', gateway: '192.168.1.1', dns: ['192.168.1.1', '1.1.1.1'] },
  server: 'https://192.168.1.10:6443',
  streamPort: 8444,
  labels: ['disktype=ssd'],
  taints: ['camera=only:NoSchedule'],
  runtime: 'auto',
  metered: false,
  token: `b1.${'ab'.repeat(32)}.abc123.${'s'.repeat(32)}`,
  ...over,
})

/** A card that asks for nothing beyond joining. */
export const aPlainCard = (over: Partial<Card> = {}): Card =>
  aCard({
    hostname: undefined,
    sshKeys: [],
    wifi: undefined,
    country: undefined,
    timezone: undefined,
    staticAddress: undefined,
    labels: [],
    taints: [],
    ...over,
  })
