--- Attaches the server to every buffer that it should serve, whenever `setup()` runs.
---
--- `vim.lsp.enable()` starts servers in the FileType event. That event is over for the files that were on the command
--- line when a plug-in manager loads this module later, and it never comes for files whose type Neovim does not know.
local M = {}

local api = vim.api

--- Whether the server should serve a buffer that it does not serve yet.
local function is_missing(bufnr)
  return api.nvim_buf_is_loaded(bufnr) and not require('spark_lsp').client(bufnr)
end

--- Let Neovim start, for a loaded buffer, every server that is enabled; it keeps the ones that are attached already.
local function attach(bufnr)
  if is_missing(bufnr) then
    pcall(api.nvim_exec_autocmds, 'FileType', { group = 'nvim.lsp.enable', buffer = bufnr, modeline = false })
  end
end

--- Attach to the buffers that are loaded now.
function M.attach_loaded()
  vim.schedule(function() -- after Neovim's own attempt, if it makes one
    vim.iter(api.nvim_list_bufs()):each(attach)
  end)
end

--- Attach to a buffer that was read without a type, or has got a name, after Neovim's own attempt.
---@param event { buf: integer, event: string }
local function on_event(event)
  local read = event.event == 'BufReadPost' or event.event == 'BufNewFile'
  local expected = read and vim.bo[event.buf].filetype ~= '' -- then there was a FileType event
  if api.nvim_buf_is_loaded(event.buf) and not expected then
    vim.schedule(function()
      attach(event.buf)
    end)
  end
end

--- `:file` and `:saveas` cause BufFilePost; `:write NAME` causes BufNew for a loaded buffer that had no name.
---@param group integer
function M.watch(group)
  local events = { 'BufReadPost', 'BufNewFile', 'BufFilePost', 'BufNew' }
  api.nvim_create_autocmd(events, { group = group, callback = on_event })
end

return M
