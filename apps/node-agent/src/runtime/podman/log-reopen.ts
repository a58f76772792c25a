import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { RuntimeError } from '../runtime.ts'

/** What `containers/x/json` tells of where the container's monitor works. */
export interface ContainerPlaces {
  readonly OCIConfigPath?: string
}

/**
 * Tells conmon to open its log anew. It listens to a pipe beside the container's configuration.
 *
 * @throws RuntimeError when nobody listens.
 * @see Source: conmon, ctrl.c, REOPEN_LOGS_EVENT.
 */
export async function reopenLog({ OCIConfigPath: configPath = '' }: ContainerPlaces): Promise<void> {
  try {
    const pipe = await open(join(dirname(configPath), 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      await pipe.write('2 0 0\n')
    } finally {
      await pipe.close()
    }
  } catch (error) {
    throw new RuntimeError('RuntimeUnavailable', `nobody writes the log: ${(error as Error).message}`, { cause: error })
  }
}
