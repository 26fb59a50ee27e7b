// The icons: strokes on a grid of 20, drawn here so that no page loads a set of which it uses twenty.

const PATHS = {
  overview: "M3 10a7 7 0 1 1 14 0M10 10l3-3M4 16h12",
  usage: "M4 16V9M8 16V5M12 16v-6M16 16V7",
  keys: "M12 4a4 4 0 1 1-3.4 6.1L3 15.7V17h3v-2h2v-2l1.4-1.4M13 7h.01",
  offers: "M3 6h14v3a1.5 1.5 0 0 0 0 3v3H3v-3a1.5 1.5 0 0 0 0-3zM12.5 6.5v1M12.5 10v1M12.5 13.5v1",
  statements: "M5 3h10v14l-2.5-1.5L10 17l-2.5-1.5L5 17zM8 7h4M8 10h4",
  notices: "M5 13.500V9a5 5 0 0 1 10 0v4.500l1.500 1.500h-13zM8.500 17h3",
  members:
    "M7.5 9a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 16c0-2.5 2-4 4.5-4S12 13.500 12 16M13 9a2 2 0 1 0 0-4M14 12c2 .3 3 1.700 3 4",
  settings: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4",
  search: "M9 14A5 5 0 1 0 9 4a5 5 0 0 0 0 10zM13 13l4 4",
  copy: "M7 7V4h9v9h-3M4 7h9v9H4z",
  done: "M4 10.500l4 4 8-9",
  close: "M5 5l10 10M15 5L5 15",
  menu: "M3 6h14M3 10h14M3 14h14",
  sun: "M10 13.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.300 4.300l1.100 1.100M14.600 14.600l1.100 1.100M15.700 4.300l-1.100 1.100M5.400 14.600l-1.100 1.100",
  moon: "M16 11.500A6.500 6.500 0 1 1 8.500 4a5 5 0 0 0 7.500 7.500z",
  system: "M3 4h14v9H3zM7 17h6M10 13v4",
  plus: "M10 4v12M4 10h12",
  arrow: "M4 10h12M11 5l5 5-5 5",
  seal: "M10 2l6 2.500v5c0 4-2.700 6.500-6 8.500-3.300-2-6-4.500-6-8.500v-5zM7 10l2.200 2.200L13 8",
  out: "M8 4H4v12h4M13 6l4 4-4 4M17 10H8",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon(props: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[props.name]} />
    </svg>
  );
}
