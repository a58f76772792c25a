import type { ControlPlaneSettings } from '../../apps/control-plane/src/control-plane.ts'

/** Of a cluster that tests make. */
export const SETTINGS: ControlPlaneSettings = {
  podNetwork: '10.42.0.0/16',
  serviceNetwork: '10.43.0.0/16',
  nodePrefix: 24,
  nodeGraceMs: 40_000,
  advertiseAddress: '192.0.2.100',
  apiPort: 6443,
  certificateAuthority: 'an authority',
}
