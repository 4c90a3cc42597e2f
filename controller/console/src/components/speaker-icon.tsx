/** A loudspeaker, with waves while it is on and crossed out while it is off. */
export function SpeakerIcon({ on }: { on: boolean }) {
  return (
    <svg class="speaker" viewBox="0 0 24 24" aria-hidden="true">
      <path class="cone" d="M4 9.5h3.5L12 5.5v13l-4.5-4H4z" />
      <path d={on ? "M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11" : "M15.5 9.5l5 5M20.5 9.5l-5 5"} />
    </svg>
  );
}
