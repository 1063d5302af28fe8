/** A component that is drawn again only when something that it is given is another one. */

import { type ComponentChild, Component } from "preact";

type Properties = Readonly<Record<string, unknown>>;

export function memo<Given extends object>(draw: (given: Given) => ComponentChild) {
  return class Memo extends Component<Given> {
    override shouldComponentUpdate(next: Readonly<Given>): boolean {
      const [before, after] = [this.props as Properties, next as Properties];
      return Object.keys(after).some((name) => before[name] !== after[name]);
    }

    render(): ComponentChild {
      return draw(this.props);
    }
  };
}
