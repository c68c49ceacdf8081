// Why: a flavor may ask for devices of its host by alias (`pci_passthrough:alias` = `gpu:1`). No host gives devices through to guests
// and so there is no alias: whoever asks is told, rather than given a server without its device.

/** Why a flavor's devices cannot be had, in Nova's words for an alias that nobody defined; null: it asks for none. */
export function aliasProblem({ extraSpecs }: { readonly extraSpecs: Readonly<Record<string, string>> }): string | null {
  const [alias] = (extraSpecs['pci_passthrough:alias'] ?? '').split(/[:,]/);
  return alias === undefined || alias === '' ? null : `PCI alias ${alias.trim()} is not defined`;
}
