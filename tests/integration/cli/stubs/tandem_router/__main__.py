from stub_service import main

main("router")
