// Why: the page's pictures are drawn here, in the colour of the text that they stand in, so that nothing has to be loaded.

const PATHS = {
  servers: 'M4 5h16v6H4zM4 13h16v6H4zM7.5 8h.01M7.5 16h.01',
  network: 'M12 4v5M12 15v5M5 20h14M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z',
  project: 'M4 20V10M10 20V4M16 20v-7M20 20H4',
  hosts: 'M3 7l9-4 9 4-9 4zM3 12l9 4 9-4M3 17l9 4 9-4',
  policies: 'M4 17l5-6 4 3 7-9M15 5h5v5',
  prices:
    'M12 3v18M16.5 7.5C16 6 14.2 5.2 12 5.2c-2.6 0-4.4 1.2-4.4 3.2 0 4.6 9 2.4 9 7 0 2-1.9 3.4-4.6 3.4-2.4 0-4.2-1-4.8-2.7',
  health: 'M3 12h4l2.5-6 4 12L16 12h5',
  plus: 'M12 5v14M5 12h14',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM20 20l-4-4',
  close: 'M6 6l12 12M18 6L6 18',
  play: 'M8 5l11 7-11 7z',
  stop: 'M6 6h12v12H6z',
  restart: 'M20 12a8 8 0 1 1-2.4-5.7M20 4v4.5h-4.5',
  console: 'M4 5h16v14H4zM7.5 9.5l3 2.5-3 2.5M13 15h4',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  trash: 'M5 7h14M10 4h4M7 7l1 13h8l1-13',
  camera: 'M4 8h4l1.5-2h5L16 8h4v11H4zM12 10.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6z',
  back: 'M14 6l-6 6 6 6',
  user: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20c1-4 4-6 7.500-6s6.500 2 7.500 6',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  check: 'M5 12.500l4.500 4.500L19 7',
  globe: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18',
  router: 'M4 13h16v6H4zM8 16h.01M12 16h.01M12 13V8M8.500 7a5 5 0 0 1 7 0M6 4.500a8.500 8.500 0 0 1 12 0',
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside words that say the same; screen readers pass over it. */
export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d={PATHS[name]} />
  </svg>
);

export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" class="logo-ground" />
    <path d="M9 21v-5M16 21V11M23 21V7" class="logo-bars" />
  </svg>
);
