import koffi from "koffi";

/** OpenSSL's functions. Pointers are addresses: what they point to lies in buffers that do not move. */
export interface Evp {
  newContext(): number;
  chacha20(): number;
  chacha20Poly1305(): number;
  init(context: number, cipher: number, engine: 0, key: number, nonce: number, direction: number): number;
  update(context: number, out: number, outLength: number, octets: number, length: number): number;
  final(context: number, out: number, outLength: number): number;
  control(context: number, what: number, length: number, octets: number): number;
  fetchMac(library: 0, name: string, properties: 0): number;
  newMacContext(mac: number): number;
  initMac(context: number, key: number, keyLength: number, parameters: number): number;
  updateMac(context: number, octets: number, length: number): number;
  finalMac(context: number, out: number, outLength: number, outSize: number): number;
}

let loaded: Evp | undefined;

/** @throws where this process has no OpenSSL, or addresses of another size */
export function loadEvp(): Evp {
  if (!["x64", "arm64"].includes(process.arch)) throw new Error("addresses of 64 bits are needed");
  loaded ??= load();
  return loaded;
}

function load(): Evp {
  // `null`: what this process has loaded already. Node brings OpenSSL with it, or is linked to the system's.
  const library = koffi.load(null);
  return {
    newContext: library.func("size_t EVP_CIPHER_CTX_new()"),
    chacha20: library.func("size_t EVP_chacha20()"),
    chacha20Poly1305: library.func("size_t EVP_chacha20_poly1305()"),
    init: library.func("int EVP_CipherInit_ex(size_t, size_t, size_t, size_t, size_t, int)"),
    update: library.func("int EVP_CipherUpdate(size_t, size_t, size_t, size_t, int)"),
    final: library.func("int EVP_CipherFinal_ex(size_t, size_t, size_t)"),
    control: library.func("int EVP_CIPHER_CTX_ctrl(size_t, int, int, size_t)"),
    fetchMac: library.func("size_t EVP_MAC_fetch(size_t, const char *, size_t)"),
    newMacContext: library.func("size_t EVP_MAC_CTX_new(size_t)"),
    initMac: library.func("int EVP_MAC_init(size_t, size_t, size_t, size_t)"),
    updateMac: library.func("int EVP_MAC_update(size_t, size_t, size_t)"),
    finalMac: library.func("int EVP_MAC_final(size_t, size_t, size_t, size_t)"),
  };
}
