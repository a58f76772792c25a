import { join } from 'node:path'
import type { Env } from '@bramble/reconcile/env'
import type { AgentConfig } from './config.ts'
import { deviceClasses } from './devices/device-file.ts'
import type { MeansSettings } from './pod-means.ts'
import { diskLevel } from './pods/images/plan.ts'
import { PullRecords } from './pods/images/pull-records.ts'

/** As kubelet: somebody may be about to use what has just come. */
const IMAGE_AGE_MS_MIN = 120_000

/** Images, devices and rights of pods as an operator has set them. @param folder The agent's own. */
export async function meansOf({ means, dataDirectory }: AgentConfig, folder: string, { log }: Env): Promise<MeansSettings> {
  return {
    images: {
      garbage: { high: diskLevel(means.imageHigh)!, low: diskLevel(means.imageLow)!, ageMsMin: IMAGE_AGE_MS_MIN },
      ...(means.imagePulls !== undefined && { parallelMax: means.imagePulls }),
      stallMs: means.imagePullStallSeconds * 1_000,
      records: await PullRecords.open(join(folder, 'pulls.json'), log),
      archives: { folder: means.imageDirectory, statePath: join(folder, 'archives.json') },
    },
    security: {
      seccompFolder: join(folder, 'seccomp'),
      seccompDefault: means.seccompDefault === 'Unconfined' ? 'unconfined' : 'runtime-default',
    },
    unsafeSysctls: means.unsafeSysctls,
    ...(means.podPidsLimit > 0 && { pidsLimit: means.podPidsLimit }),
    deviceClasses: (tellNode) => deviceClasses({ flags: means.devices, path: join(dataDirectory, 'devices.yaml'), log, tellNode }),
  }
}
