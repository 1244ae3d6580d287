import { createTheme, Tooltip } from "@mantine/core";

export const theme = createTheme({
  colors: {
    // With a little of the primary colour in it, as the surfaces have.
    dark: [
      "#d9dde6",
      "#bcc2cf",
      "#a5acb8",
      "#6a7386",
      "#424a5b",
      "#323743",
      "#252a35",
      "#1b1e26",
      "#14171e",
      "#0f1116",
    ],
  },
  respectReducedMotion: true,
  primaryColor: "indigo",
  primaryShade: { light: 8, dark: 8 },
  defaultRadius: "md",
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  headings: { fontWeight: "650" },
  components: {
    Tooltip: Tooltip.extend({ defaultProps: { multiline: true, maw: 320, openDelay: 200 } }),
  },
});
