// Reads one class of @kubernetes/client-node as text: a .js file with the attribute map, a .d.ts with what is optional and
// with the descriptions.

export interface ModelAttribute {
  /** The JSON name. */
  readonly name: string
  /** As the generator wrote it: `string`, `Array<V1Container>`, `{ [key: string]: string; }` … */
  readonly type: string
  readonly format: string
  readonly required: boolean
  readonly description?: string
}
export interface Model {
  readonly description?: string
  readonly attributes: readonly ModelAttribute[]
}

/** @throws Error when the files do not look like a generated model. */
export function readModel(className: string, script: string, declaration: string): Model {
  const map = new RegExp(`^${className}\\.attributeTypeMap = (\\[[\\s\\S]*?\\n\\]|\\[\\]);`, 'm').exec(script)
  if (!map)
    throw new Error(`${className}.js has no attribute map: does this version of @kubernetes/client-node generate its models differently?`)
  const attributes = JSON.parse(map[1]!) as { name: string; baseName: string; type: string; format: string }[]
  const declared = declarations(declaration)
  const description = descriptionBefore(declaration, `export declare class ${className} `)
  return {
    ...(description !== undefined && { description }),
    attributes: attributes.map(({ name, baseName, type, format }) => {
      const found = declared.get(name)
      if (!found) throw new Error(`${className}.d.ts does not declare ${name}`)
      return { name: baseName, type, format, ...found }
    }),
  }
}

function declarations(text: string): Map<string, { required: boolean; description?: string }> {
  const found = new Map<string, { required: boolean; description?: string }>()
  for (const [, comment, name, optional] of text.matchAll(/(?:\/\*\*\n((?:(?!\*\/)[\s\S])*)\*\/\n)?\s*'([^']+)'(\?)?: /g))
    if (name !== undefined)
      found.set(name, { required: optional === undefined, ...(comment !== undefined && { description: plain(comment) }) })
  return found
}

function descriptionBefore(text: string, line: string): string | undefined {
  const before = text.slice(0, text.indexOf(line))
  const comment = /\/\*\*\n((?:(?!\*\/)[\s\S])*)\*\/\n$/.exec(before)
  return comment ? plain(comment[1]!) : undefined
}

const plain = (comment: string): string =>
  comment
    .replace(/^\s*\* ?/gm, '')
    .replace(/\\(['"\\])/g, '$1')
    .trim()
