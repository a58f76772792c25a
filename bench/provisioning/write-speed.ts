import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openImage } from '@bramble/provisioning/flash/image-source'
import { writeImage } from '@bramble/provisioning/flash/write-image'
import { megabytes, numberOption, printTable, spread } from '../table.ts'

// How fast an image gets onto a card, beside what people type. Each writes to a file and to a loop device and ends with a sync; writeImage
// reads back and compares as well. The disk below is the limit of all of them, so they take turns, and the caches are dropped between.
// --mib N      the image, default 512
// --repeats N  default 3

interface Way {
  readonly name: string
  readonly write: (
    target: string,
    isDevice: boolean,
  ) => Promise<{ readonly writeSeconds: number; readonly allSeconds: number; readonly cpuSeconds: number }>
}

/** Prints the table. Loop devices need root; without it, files only. */
export async function writeSpeed(): Promise<void> {
  const mib = numberOption('mib', 512)
  const repeats = numberOption('repeats', 3)
  const folder = mkdtempSync(join(tmpdir(), 'bramble-bench-'))
  try {
    const image = join(folder, 'pi.img')
    makeImage(image, mib)
    sh(`xz -k -T0 -1 '${image}' && zstd -q -k '${image}'`)
    const ways: readonly Way[] = [
      { name: 'dd', write: shell((target) => `dd if='${image}' of='${target}' bs=4M conv=fsync,notrunc status=none`) },
      { name: 'writeImage', write: ours(image) },
      {
        name: 'xzcat | dd',
        write: shell((target) => `xzcat '${image}.xz' | dd of='${target}' bs=4M iflag=fullblock conv=fsync,notrunc status=none`),
      },
      { name: 'writeImage of .xz', write: ours(`${image}.xz`) },
      {
        name: 'zstdcat | dd',
        write: shell((target) => `zstdcat '${image}.zst' | dd of='${target}' bs=4M iflag=fullblock conv=fsync,notrunc status=none`),
      },
      { name: 'writeImage of .zst', write: ours(`${image}.zst`) },
    ]
    const [rawMb, xzMb, zstMb] = ['', '.xz', '.zst'].map((suffix) => megabytes(statSync(image + suffix).size))
    for (const isDevice of process.getuid?.() === 0 ? [false, true] : [false]) {
      const rows: string[][] = []
      const figures = new Map(ways.map(({ name }) => [name, [] as Awaited<ReturnType<Way['write']>>[]]))
      for (let repeat = 0; repeat < repeats; repeat++)
        for (const { name, write } of ways)
          figures.get(name)!.push(await onCard(folder, mib, isDevice, (target) => write(target, isDevice)))
      for (const [name, all] of figures) {
        const rate = (seconds: number): number => (mib * 2 ** 20) / 1e6 / seconds
        const verified = name.startsWith('writeImage')
          ? spread(
              all.map(({ allSeconds }) => rate(allSeconds)),
              0,
            )
          : '–'
        rows.push([
          name,
          spread(
            all.map(({ writeSeconds }) => rate(writeSeconds)),
            0,
          ),
          verified,
          spread(
            all.map(({ cpuSeconds }) => cpuSeconds),
            1,
          ),
        ])
      }
      printTable(
        `${isDevice ? 'A loop device' : 'An image file'}: ${rawMb} MiB (${xzMb} as .xz, ${zstMb} as .zst); MB/s of the unpacked image, median (least – most) of ${repeats}`,
        ['', 'written', 'written and verified', 'CPU seconds'],
        rows,
      )
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Much like a system: two thirds are programs of this machine, so that packers have real work; the rest is empty. */
function makeImage(path: string, mib: number): void {
  sh(
    `truncate -s ${mib}M '${path}' && { set +o pipefail; tar -C /usr -cf - bin lib 2>/dev/null; true; } | dd of='${path}' bs=1M seek=4 count=${Math.floor((mib * 2) / 3)} iflag=fullblock conv=notrunc status=none`,
  )
  sh(`printf 'label: dos\\nstart=8192,size=16384,type=c\\nstart=24576,type=83\\n' | sfdisk --quiet '${path}'`)
}

/** A fresh target, removed afterwards; caches are dropped before where that is allowed. */
async function onCard<T>(folder: string, mib: number, isDevice: boolean, act: (target: string) => Promise<T>): Promise<T> {
  const file = join(folder, 'card.bin')
  spawnSync('sh', ['-c', 'sync; echo 3 > /proc/sys/vm/drop_caches'], { stdio: 'ignore' })
  if (!isDevice) {
    try {
      return await act(file)
    } finally {
      rmSync(file, { force: true })
    }
  }
  sh(`fallocate -l ${mib}M '${file}'`)
  const device = sh(`losetup --find --show '${file}'`)
  try {
    return await act(device)
  } finally {
    sh(`losetup --detach ${device}`)
    rmSync(file)
  }
}

const shell =
  (command: (target: string) => string): Way['write'] =>
  async (target) => {
    const start = performance.now()
    const { stderr } = spawnSync('bash', ['-c', `set -o pipefail; TIMEFORMAT='%U %S'; time { ${command(target)}; }`], { encoding: 'utf8' })
    const seconds = (performance.now() - start) / 1000
    const cpu = stderr.trim().split('\n').at(-1)!.split(' ').map(Number)
    if (cpu.length !== 2 || cpu.some(Number.isNaN)) throw new Error(stderr)
    return { writeSeconds: seconds, allSeconds: seconds, cpuSeconds: cpu[0]! + cpu[1]! }
  }

const ours =
  (image: string): Way['write'] =>
  async (target, isDevice) => {
    const cpu = process.cpuUsage()
    const start = performance.now()
    let writtenAt: number | undefined
    const progress = ({ phase }: { readonly phase: string }): void => {
      if (phase === 'verify') writtenAt ??= performance.now() // the first chunk that is read back: all was synced before
    }
    await writeImage(await openImage(image), target, { isDevice, progress, signal: new AbortController().signal })
    const { user, system } = process.cpuUsage(cpu)
    const end = performance.now()
    return { writeSeconds: ((writtenAt ?? end) - start) / 1000, allSeconds: (end - start) / 1000, cpuSeconds: (user + system) / 1e6 }
  }

function sh(command: string): string {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command}: ${stderr}`)
  return stdout.trim()
}
