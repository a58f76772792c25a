import type { MessageInitShape } from '@bufbuild/protobuf'
import type { CsiDriver } from './csi-driver.ts'
import { Node, VolumeCapability_AccessMode_Mode, type VolumeCapabilitySchema } from './grpc/csi_pb.js'
import { type CsiVolume, accessModeOf } from './plan.ts'

type Texts = Readonly<Record<string, string>>

/** What staging and publishing tell a driver alike. */
export interface Given {
  readonly volume: CsiVolume
  readonly stagingPath?: string
  readonly secrets: Texts
  readonly context: Texts
  /** Group that the driver itself shall give the volume to. */
  readonly group?: number
  /** The driver tells one writer from several. */
  readonly tellsWriters: boolean
}

export const stageVolume = (driver: CsiDriver, given: Given, signal: AbortSignal): Promise<unknown> =>
  driver.call(
    Node.method.nodeStageVolume,
    {
      volumeId: given.volume.handle,
      stagingTargetPath: given.stagingPath!,
      volumeCapability: capability(given),
      secrets: { ...given.secrets },
      volumeContext: { ...given.context },
    },
    signal,
  )

export const publishVolume = (driver: CsiDriver, targetPath: string, given: Given, signal: AbortSignal): Promise<unknown> =>
  driver.call(
    Node.method.nodePublishVolume,
    {
      volumeId: given.volume.handle,
      stagingTargetPath: given.stagingPath ?? '',
      targetPath,
      volumeCapability: capability(given),
      readonly: given.volume.readOnly,
      secrets: { ...given.secrets },
      volumeContext: { ...given.context },
    },
    signal,
  )

export const unpublishVolume = (driver: CsiDriver, volumeId: string, targetPath: string, signal: AbortSignal): Promise<unknown> =>
  driver.call(Node.method.nodeUnpublishVolume, { volumeId, targetPath }, signal)

export const unstageVolume = (driver: CsiDriver, volumeId: string, stagingTargetPath: string, signal: AbortSignal): Promise<unknown> =>
  driver.call(Node.method.nodeUnstageVolume, { volumeId, stagingTargetPath }, signal)

const capability = ({ volume, group, tellsWriters }: Given): MessageInitShape<typeof VolumeCapabilitySchema> => ({
  accessMode: { mode: VolumeCapability_AccessMode_Mode[accessModeOf(volume.accessModes, tellsWriters)] },
  accessType: volume.isBlock
    ? { case: 'block', value: {} }
    : {
        case: 'mount',
        value: {
          fsType: volume.fsType,
          mountFlags: [...volume.mountFlags],
          ...(group !== undefined && { volumeMountGroup: String(group) }),
        },
      },
})
