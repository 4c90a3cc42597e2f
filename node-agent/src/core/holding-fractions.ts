/**
 * V8 takes a field that begins with a whole number for a small integer, and one that was never written for a constant.
 * When a fraction or a second value comes at last, all that is compiled for such objects is thrown away, which here is
 * most of the core, in the middle of traffic. So times, and the fields named, are shown a fraction at once.
 */
export function holdingFractions<T extends object, K extends keyof T>(
  object: T & Record<K, number>,
  fields: readonly K[],
): T {
  const numbers = object as Record<string, number>;
  for (const field of [
    ...Object.keys(object).filter((name) => name.endsWith("Us")),
    ...(fields as readonly string[]),
  ]) {
    if (typeof numbers[field] !== "number") continue;
    const first = numbers[field];
    numbers[field] = 0.5;
    numbers[field] = first;
  }
  return object;
}
