import type { Command } from 'commander'
import { parseServerConfig, SERVER_SETTINGS } from '../../control-plane/src/config.ts'
import { addFlashOptions, type FlashOptions } from './flash/flash-options.ts'
import { addSettings, givenSettings } from './setting-options.ts'

const dataDirOnly = SERVER_SETTINGS.filter(({ name }) => name === 'data-dir')

/** `bramble flash`: from a blank card to one whose Pi joins by itself. */
export function addFlashCommand(program: Command): void {
  addSettings(addFlashOptions(program.command('flash').description('make a card whose Pi becomes a node by itself')), dataDirOnly).action(
    async (_options, command: Command) => {
      const { dataDirectory } = parseServerConfig(givenSettings(command, dataDirOnly))
      const { flash } = await import('./flash/flash-cards.ts') // decompressors and YAML: no other command needs them
      await flash(command.opts<FlashOptions>(), dataDirectory)
    },
  )
}
