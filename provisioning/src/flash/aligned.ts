interface Memories {
  readonly WebAssembly: { readonly Memory: new (pages: { readonly initial: number }) => { readonly buffer: ArrayBuffer } }
}

const PAGE_BYTES = 65_536

/** Direct reads and writes want memory that begins at a page. WebAssembly's does; Node.js has no other way to ask for it. */
export const alignedBuffer = (bytes: number): Buffer =>
  Buffer.from(new (globalThis as unknown as Memories).WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) }).buffer, 0, bytes)
