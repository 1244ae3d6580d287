import { Button, Text } from "@mantine/core";
import { Component, type ReactNode } from "react";
import { Banner } from "./Banner";

/** Stands where a page broke, or a part of it could not be loaded since the server is another by now. */
export class Broken extends Component<{ children: ReactNode }, { error?: Error }> {
  state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  render() {
    if (!this.state.error) {
      return this.props.children;
    }
    return (
      <Banner
        tone="bad"
        title="This page broke"
        urgent
        actions={<Button onClick={() => window.location.reload()}>Load it anew</Button>}
      >
        <Text>Nothing that is stored is affected. {this.state.error.message}</Text>
      </Banner>
    );
  }
}
