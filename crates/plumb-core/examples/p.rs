#[path = "../../../tests/support/plan_world.rs"]
mod plan_world;
#[path = "../../../tests/support/page_plans.rs"]
mod page_plans;
use plumb_core::render::{graph, page::{PageInput, page}};
fn main() {
    let which = std::env::args().nth(1).unwrap();
    let (desired, plan) = match which.as_str() { "rich" => page_plans::rich(), _ => page_plans::many(1000) };
    let now = page_plans::NOW.parse().unwrap();
    std::fs::write(format!("/tmp/page/{which}.html"), page(&PageInput { plan: &plan, desired: &desired, now })).unwrap();
    let g = graph::whole(&desired);
    std::fs::write(format!("/tmp/page/{which}.mmd"), graph::mermaid(&g)).unwrap();
    std::fs::write(format!("/tmp/page/{which}.dot"), graph::dot(&g)).unwrap();
}
