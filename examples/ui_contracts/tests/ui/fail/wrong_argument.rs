//! An order is an `Order`.

use ui_contracts::price;

fn main() {
    let _ = price("two teas");
}
