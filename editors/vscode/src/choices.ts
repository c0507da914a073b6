/** The instructions that the box offers; independent of the editor API. */

/** The typed text first, so that Enter takes it, then the earlier instructions that contain its words. */
export function choices(typed: string, earlier: readonly string[]): string[] {
  const text = typed.trim();
  const words = text.toLowerCase().split(/\s+/);
  const fitting = earlier.filter((each) => words.every((word) => each.toLowerCase().includes(word)));
  return text ? [text, ...fitting.filter((each) => each !== text)] : [...earlier];
}
