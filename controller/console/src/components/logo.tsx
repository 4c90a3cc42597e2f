/** Geese in formation. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 23 16 8l12 15" />
      <circle cx="16" cy="8" r="2.8" />
      <circle cx="10" cy="15.5" r="2.1" />
      <circle cx="22" cy="15.5" r="2.1" />
      <circle cx="4" cy="23" r="1.8" />
      <circle cx="28" cy="23" r="1.8" />
    </svg>
  );
}
