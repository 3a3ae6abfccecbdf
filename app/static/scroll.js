// Endless scrolling: further hits are fetched before a visitor comes to the end. The button stays for whoever
// gets there first, and for where fetching has failed.

/** Two rows ahead. */
const AHEAD = "800px";

/**
 * @param {HTMLButtonElement} button at the end of the hits; hidden where there are no more
 * @param {() => void} onNear
 * @returns {() => void} looks again: after a short page the end is still near
 */
export function watch(button, onNear) {
  const observer = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && onNear(), { rootMargin: AHEAD });
  observer.observe(button);
  return () => {
    observer.unobserve(button);
    observer.observe(button);
  };
}
