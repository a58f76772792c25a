import { boot } from './provisioning/boot.ts'
import { image } from './provisioning/image.ts'
import { writeSpeed } from './provisioning/write-speed.ts'
import { machine } from './table.ts'

// From a blank card to a node, in figures. npm run bench -- provisioning [PART…]; a part is a file in provisioning/ and a line here.

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  'write-speed': writeSpeed,
  image,
  boot,
}

const wanted = process.argv.slice(2).filter((word) => word in PARTS)
console.log(machine())
for (const [name, part] of Object.entries(PARTS)) if (wanted.length === 0 || wanted.includes(name)) await part()
