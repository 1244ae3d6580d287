import {
  ActionIcon,
  Anchor,
  Box,
  Container,
  Group,
  Tooltip,
  UnstyledButton,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { IconMoon, IconSun } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef } from "react";
import { NavLink, useLocation } from "react-router";
import { root } from "../api";
import { Connection } from "./Connection";
import classes from "./Shell.module.css";

/** What stands around every page. */
export function Shell({ children }: { children: ReactNode }) {
  useFocusOnNavigation();
  useKeptFocus();
  return (
    <>
      <UnstyledButton
        component="a"
        className="skip"
        href="#main"
        onClick={(click) => {
          // The address belongs to the router.
          click.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the content
      </UnstyledButton>
      <Box component="header" className={classes.header}>
        <Container size="xl" h="100%">
          <Group h="100%" justify="space-between" wrap="nowrap" className={classes.bar}>
            <Group gap="md" wrap="nowrap" className={classes.left}>
              <NavLink to="/campaigns" className={classes.brand} aria-label="Phasegate">
                <img src={`${root}icon.svg`} alt="" width={28} height={28} />
                <span>Phasegate</span>
              </NavLink>
              <Group component="nav" gap={2} wrap="nowrap" aria-label="Main">
                <NavLink to="/campaigns" className={classes.link}>
                  Campaigns
                </NavLink>
                <NavLink to="/resources" className={classes.link}>
                  Resources
                </NavLink>
              </Group>
            </Group>
            <Group gap="sm" wrap="nowrap">
              <Connection />
              <SchemeSwitch />
            </Group>
          </Group>
        </Container>
      </Box>
      <Container component="main" id="main" tabIndex={-1} size="xl" className={classes.main}>
        {children}
      </Container>
      <Container component="footer" size="xl" pb="lg">
        <Group gap="md" fz="sm" c="dimmed">
          <Anchor href={`${root}api/v1/openapi.json`} fz="sm" c="dimmed" underline="always">
            OpenAPI document
          </Anchor>
        </Group>
      </Container>
    </>
  );
}

/** What is read on from is the new page, not the link that led there. */
function useFocusOnNavigation() {
  const { pathname } = useLocation();
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current !== pathname) {
      before.current = pathname;
      document.getElementById("main")?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
  }, [pathname]);
}

/**
 * Gives the focus to the content when the element that has it leaves the page: a button whose reason is gone, or what opened a
 * dialog. Else the keyboard would begin at the top again.
 */
function useKeptFocus() {
  useEffect(() => {
    let focused: EventTarget | null = null;
    const remember = (event: FocusEvent) => {
      focused = event.target;
    };
    const changes = new MutationObserver(() => {
      if (focused instanceof Node && !focused.isConnected && document.activeElement === document.body) {
        focused = null;
        document.getElementById("main")?.focus({ preventScroll: true });
      }
    });
    document.addEventListener("focusin", remember);
    changes.observe(document.body, { childList: true, subtree: true });
    return () => {
      document.removeEventListener("focusin", remember);
      changes.disconnect();
    };
  }, []);
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  const label = dark ? "Use light colours" : "Use dark colours";
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="default"
        size="lg"
        aria-label={label}
        onClick={() => setColorScheme(dark ? "light" : "dark")}
      >
        {dark ? <IconSun size={18} /> : <IconMoon size={18} />}
      </ActionIcon>
    </Tooltip>
  );
}
