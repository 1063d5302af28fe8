/** A list of thousands of rows of one height, of which only those in the window are in the page. */

import { type ComponentChild, Component, createRef } from "preact";

export interface VirtualListProps<Item> {
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string;
  /** Draws a row; `at` counts from 0. */
  readonly row: (item: Item, at: number) => ComponentChild;
  readonly rowPx: number;
  /** What it lists, for those who do not see it. */
  readonly label: string;
  /** The titles of the columns, as a row. */
  readonly header: ComponentChild;
  /** The key of the row that keys act on, which stays in sight, and the id of its element. */
  readonly selected: string | undefined;
  readonly selectedId: string;
  /** Stands in place of rows where there are none. */
  readonly empty: ComponentChild;
}

interface Scrolled {
  readonly topPx: number;
  readonly heightPx: number;
}

/** Rows beside the window that are there before they are scrolled to. */
const spareRows = 6;

export class VirtualList<Item> extends Component<VirtualListProps<Item>, Scrolled> {
  override state: Scrolled = { topPx: 0, heightPx: 800 };
  readonly #scroller = createRef<HTMLDivElement>();
  #observer: ResizeObserver | undefined;

  override componentDidMount(): void {
    const scroller = this.#scroller.current;
    if (!scroller) return;
    this.#observer = new ResizeObserver(() => this.setState({ heightPx: scroller.clientHeight }));
    this.#observer.observe(scroller);
    this.#showSelected();
  }

  override componentWillUnmount(): void {
    this.#observer?.disconnect();
  }

  /** Where rows come in above what is being read, that stays where it is. */
  override componentDidUpdate(before: VirtualListProps<Item>): void {
    const { items, keyOf, rowPx, selected } = this.props;
    const scroller = this.#scroller.current;
    const [first] = before.items;
    if (scroller && first !== undefined && before.items !== items && scroller.scrollTop > rowPx) {
      const moved = items.findIndex((item) => keyOf(item) === keyOf(first));
      if (moved > 0) scroller.scrollTop += moved * rowPx;
    }
    if (before.selected !== selected) this.#showSelected();
  }

  readonly #onScroll = (): void => {
    const topPx = this.#scroller.current?.scrollTop ?? 0;
    this.setState({ topPx });
  };

  #showSelected(): void {
    const { items, keyOf, rowPx, selected } = this.props;
    const scroller = this.#scroller.current;
    const at = selected === undefined ? -1 : items.findIndex((item) => keyOf(item) === selected);
    if (!scroller || at < 0) return;
    const topPx = at * rowPx;
    const roomPx = scroller.clientHeight - rowPx;
    if (topPx < scroller.scrollTop) scroller.scrollTop = topPx;
    else if (topPx > scroller.scrollTop + roomPx - rowPx) scroller.scrollTop = topPx - roomPx + rowPx;
  }

  override render(): ComponentChild {
    const { items, keyOf, row, rowPx, label, header, empty, selected, selectedId } = this.props;
    const { topPx, heightPx } = this.state;
    const first = Math.max(0, Math.floor(topPx / rowPx) - spareRows);
    const last = Math.min(items.length, Math.ceil((topPx + heightPx) / rowPx) + spareRows);
    const window = items.slice(first, last);
    const isSelectedThere = selected !== undefined && window.some((item) => keyOf(item) === selected);
    return (
      <div
        ref={this.#scroller}
        class="list"
        role="grid"
        tabIndex={0}
        aria-label={label}
        aria-rowcount={items.length + 1}
        aria-activedescendant={isSelectedThere ? selectedId : undefined}
        onScroll={this.#onScroll}
      >
        {header}
        {items.length === 0 && (
          <div role="row">
            <div role="gridcell">{empty}</div>
          </div>
        )}
        <div class="rows" role="rowgroup" style={{ height: `${items.length * rowPx}px` }}>
          <div class="window" role="presentation" style={{ transform: `translateY(${first * rowPx}px)` }}>
            {window.map((item, at) => row(item, first + at))}
          </div>
        </div>
      </div>
    );
  }
}
