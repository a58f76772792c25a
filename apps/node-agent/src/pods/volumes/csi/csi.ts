import type { VolumeType } from '../volume-type.ts'

/** A volume of a CSI driver that is registered with this node. */
export const csi: VolumeType = {
  field: 'csi',
  prepare(request, tools) {
    if (!tools.csi) throw new Error('kubernetes.io/csi: CSI drivers are not supported on this node')
    return tools.csi.prepare(request, tools)
  },
  async remove(left, tools) {
    await tools.csi?.remove(left, tools)
  },
}
