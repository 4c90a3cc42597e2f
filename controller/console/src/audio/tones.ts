type Note = readonly [startS: number, durationS: number, frequencyHz: number];

function sound(context: AudioContext, notes: readonly Note[], level: number): void {
  for (const [startS, durationS, frequencyHz] of notes) {
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    const fromS = context.currentTime + startS;
    oscillator.frequency.value = frequencyHz;
    gain.gain.setValueAtTime(0, fromS);
    gain.gain.linearRampToValueAtTime(level, fromS + 0.01);
    gain.gain.setValueAtTime(level, fromS + durationS - 0.02);
    gain.gain.linearRampToValueAtTime(0, fromS + durationS);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(fromS);
    oscillator.stop(fromS + durationS);
  }
}

/** The floor is yours: two short rising beeps. */
export function grantedTone(context: AudioContext): void {
  sound(
    context,
    [
      [0, 0.07, 880],
      [0.09, 0.09, 1320],
    ],
    0.15,
  );
}

/** The floor is not yours: one low buzz. */
export function deniedTone(context: AudioContext): void {
  sound(context, [[0, 0.35, 220]], 0.2);
}

/** One round of the SOS alarm: three high-low pairs, about a second. */
export function alarmTone(context: AudioContext): void {
  const notes: Note[] = [0, 0.3, 0.6].flatMap((startS): Note[] => [
    [startS, 0.14, 1175],
    [startS + 0.14, 0.14, 784],
  ]);
  sound(context, notes, 0.25);
}
